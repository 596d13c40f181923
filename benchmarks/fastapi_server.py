"""The peer of InvokeEndpoint: a model behind FastAPI, written as tightly as it goes.

python fastapi_server.py MODEL-FILE PORT WORKERS
"""

from __future__ import annotations

import os
import sys

import numpy as np
import uvicorn
import xgboost
from fastapi import FastAPI, Request, Response

app = FastAPI()
booster = xgboost.Booster({"nthread": 1}, model_file=os.environ.setdefault("MODEL", sys.argv[1]))


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    body = await request.body()
    rows = np.array(body.split(b","), dtype=np.float32).reshape(1, -1)
    prediction = booster.inplace_predict(rows)
    return Response(str(float(prediction[0])), media_type="text/csv")


@app.get("/ping")
async def ping() -> Response:
    return Response()


if __name__ == "__main__":
    uvicorn.run(
        "fastapi_server:app", port=int(sys.argv[2]), workers=int(sys.argv[3]), access_log=False, log_level="error"
    )
