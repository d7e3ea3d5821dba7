"""pyarrow: the S3 file system's own listing and reads, and datasets over it."""

import os

import pyarrow.dataset as ds
import pyarrow.fs as pafs

import lake
from check import *

s3 = pafs.S3FileSystem(
    access_key=access_key, secret_key=secret_key, endpoint_override=host, scheme="http", region=region
)

with check("a recursive selector gives every file and every directory"):
    found = s3.get_file_info(pafs.FileSelector(bucket, recursive=True))
    prefix = len(bucket) + 1
    same_keys(in_byte_order(info.path[prefix:] for info in found if info.type == pafs.FileType.File), files())
    directories = {info.path[prefix:] for info in found if info.type == pafs.FileType.Directory}
    want = {os.path.dirname(key) for key in [*objects, *markers]} - {""}
    want |= {"/".join(parts[:depth]) for parts in (path.split("/") for path in want) for depth in range(1, len(parts))}
    same(directories, want, "directories")

with check("every byte of every file"):
    for key in files():
        with s3.open_input_stream(f"{bucket}/{key}") as stream:
            same_bytes(key, stream.read())

with check("random access into the large file"):
    with s3.open_input_file(f"{bucket}/large/odd.bin") as file:
        whole = file.read()
        for offset, length in [(0, 1), (4096, 4096), (len(whole) - 7, 100)]:
            same(file.read_at(length, offset), whole[offset : offset + length])

with check("a directory is one, a missing name is none"):
    for path, kind in [("lake", "Directory"), ("plain.txt", "File"), ("nowhere", "NotFound"), ("empty-directories/one", "Directory")]:
        same(s3.get_file_info(f"{bucket}/{path}").type.name, kind, path)

with check("a partitioned Parquet set"):
    found = ds.dataset(f"{bucket}/lake/parquet", filesystem=s3, format="parquet", partitioning="hive")
    lake.same_table(found.to_table())

with check("a filter on a partition"):
    found = ds.dataset(f"{bucket}/lake/parquet", filesystem=s3, format="parquet", partitioning="hive")
    same(sum(found.to_table(filter=ds.field("year") == 2025)["id"].to_pylist()), lake.of_year(2025))

with check("a CSV set"):
    lake.same_table(ds.dataset(f"{bucket}/lake/csv", filesystem=s3, format="csv").to_table())


def write():
    with s3.open_output_stream(f"{bucket}/new.txt") as stream:
        stream.write(b"x")


refused("a write is refused", write, OSError)
refused("a delete is refused", lambda: s3.delete_file(f"{bucket}/plain.txt"), OSError)
refused("a new directory is refused", lambda: s3.create_dir(f"{bucket}/new"), OSError)
