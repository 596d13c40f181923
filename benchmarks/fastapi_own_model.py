"""The peer of an endpoint with a user's own module: the functions of that module behind FastAPI.

python fastapi_own_model.py PORT WORKERS
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request, Response
from own_model import input_fn, model_fn, output_fn, predict_fn

app = FastAPI()
model = model_fn("")


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    body = (await request.body()).decode()
    answer, media_type = output_fn(predict_fn(input_fn(body, "text/csv"), model), "text/csv")
    return Response(answer, media_type=media_type)


@app.get("/ping")
async def ping() -> Response:
    return Response()


if __name__ == "__main__":
    uvicorn.run(
        "fastapi_own_model:app", port=int(sys.argv[1]), workers=int(sys.argv[2]), access_log=False, log_level="error"
    )
