"""One transfer by boto3 as ``pip install boto3`` makes it, without the extras that are around us; prints its seconds.

python benchmarks/transfer.py put|get URL BUCKET KEY FILE    with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
"""

from __future__ import annotations

import sys
import time

import boto3
from botocore.config import Config


def main() -> None:
    kind, url, bucket, key, file = sys.argv[1:]
    s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=Config(proxies={}))
    start = time.perf_counter()
    if kind == "put":
        s3.upload_file(file, bucket, key)
    else:
        s3.download_file(bucket, key, file)
    sys.stdout.write(f"{time.perf_counter() - start}\n")


if __name__ == "__main__":
    main()
