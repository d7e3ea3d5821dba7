"""Polars: lazy scans by its own object store, and a Delta table by delta-rs."""

import polars as pl

import lake
from check import *

root = f"s3://{bucket}"
options = {
    "aws_endpoint_url": endpoint,
    "aws_region": region,
    "aws_access_key_id": access_key,
    "aws_secret_access_key": secret_key,
    "aws_allow_http": "true",
}

with check("a partitioned Parquet set"):
    lake.same_table(pl.scan_parquet(f"{root}/lake/parquet/", hive_partitioning=True, storage_options=options).collect().to_arrow())

with check("a filter on a partition"):
    found = pl.scan_parquet(f"{root}/lake/parquet/**/*.parquet", hive_partitioning=True, storage_options=options)
    same(found.filter(pl.col("year") == 2025).select(pl.col("id").sum()).collect().item(), lake.of_year(2025))

with check("a CSV set"):
    lake.same_table(pl.scan_csv(f"{root}/lake/csv/*.csv", storage_options=options).collect().to_arrow())

with check("a Delta table"):
    lake.same_table(pl.read_delta(f"{root}/lake/delta", storage_options=options).to_arrow())

with check("an earlier version of a Delta table"):
    same(pl.read_delta(f"{root}/lake/delta", version=0, storage_options=options)["year"].unique().to_list(), [2024])

refused(
    "a write is refused",
    lambda: pl.DataFrame({"one": [1]}).write_parquet(f"{root}/new.parquet", storage_options={**options, "max_retries": "1"}),
)
