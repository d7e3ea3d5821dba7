"""pandas with s3fs: the file system's own listing and reads, and data frames over it."""

import os

import pandas as pd
import pyarrow as pa
import s3fs

import lake
from check import *

root = f"s3://{bucket}"
options = {"key": access_key, "secret": secret_key, "endpoint_url": endpoint, "client_kwargs": {"region_name": region}}
s3 = s3fs.S3FileSystem(**options)

with check("find gives every key"):
    found = [path[len(bucket) + 1 :] for path in s3.find(bucket)]
    same_keys(in_byte_order(key for key in found if key in objects or not key.endswith("/")), files())

with check("walk reaches every file"):
    found = [f"{top}/{name}"[len(bucket) + 1 :] for top, _, names in s3.walk(bucket) for name in names]
    same_keys(in_byte_order(key for key in found if key.rstrip("/") + "/" not in markers and not key.endswith("/")), files())

with check("every byte of every file but the large ones"):
    keys = [key for key in files() if not key.startswith("large/")]
    for start in range(0, len(keys), 200):
        some = keys[start : start + 200]
        found = s3.cat([f"{bucket}/{key}" for key in some])
        same(len(found), len(some))
        for key in some:
            same_bytes(key, found[f"{bucket}/{key}"])

with check("get of the large file"):
    path = os.path.join(work, "s3fs-large.bin")
    s3.get(f"{bucket}/large/large.bin", path)
    same_file("large/large.bin", path)
    os.unlink(path)

with check("a seek in an open file"):
    with s3.open(f"{bucket}/large/odd.bin") as file:
        file.seek(-5, os.SEEK_END)
        end = file.read()
        same(end, s3.cat_file(f"{bucket}/large/odd.bin", start=-5))

with check("directories and files are told apart"):
    same(s3.isdir(f"{bucket}/lake"), True)
    same(s3.isfile(f"{bucket}/lake"), False)
    same(s3.isfile(f"{bucket}/plain.txt"), True)
    same(s3.exists(f"{bucket}/nowhere"), False)

with check("a partitioned Parquet set"):
    found = pd.read_parquet(f"{root}/lake/parquet", storage_options=options)
    found["year"] = found["year"].astype("int64")
    found["region"] = found["region"].astype("str")
    lake.same_table(pa.Table.from_pandas(found))

with check("a CSV set"):
    names = [f"{root}/{key}" for key in files("lake/csv/")]
    lake.same_table(pa.Table.from_pandas(pd.concat(pd.read_csv(name, storage_options=options) for name in names)))

refused("to_csv is refused", lambda: pd.DataFrame({"one": [1]}).to_csv(f"{root}/new.csv", storage_options=options))
refused("rm is refused", lambda: s3.rm(f"{bucket}/plain.txt"))
