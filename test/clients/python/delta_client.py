"""delta-rs: a table's files, its versions, and a commit that must be refused."""

import deltalake
import pyarrow as pa

import lake
from check import *

uri = f"s3://{bucket}/lake/delta"
options = {
    "AWS_ENDPOINT_URL": endpoint,
    "AWS_REGION": region,
    "AWS_ACCESS_KEY_ID": access_key,
    "AWS_SECRET_ACCESS_KEY": secret_key,
    "AWS_ALLOW_HTTP": "true",
    "conditional_put": "etag",
}

with check("the whole table"):
    lake.same_table(deltalake.DeltaTable(uri, storage_options=options).to_pyarrow_table())

with check("a partition of it"):
    found = deltalake.DeltaTable(uri, storage_options=options).to_pyarrow_table(partitions=[("year", "=", "2025")])
    same(sum(found["id"].to_pylist()), lake.of_year(2025))

with check("its history and an earlier version"):
    table = deltalake.DeltaTable(uri, storage_options=options)
    same((table.version(), len(table.history())), (2, 3))
    table.load_as_version(0)
    same(set(table.to_pyarrow_table()["year"].to_pylist()), {2024})

with check("a place that holds no table is none"):
    same(deltalake.DeltaTable.is_deltatable(f"s3://{bucket}/lake/csv", storage_options=options), False)

refused(
    "an append is refused",
    lambda: deltalake.write_deltalake(uri, lake.table().slice(0, 10), mode="append", storage_options=options),
)
