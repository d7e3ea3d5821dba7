"""DuckDB with httpfs: globs, hive partitions, CSV, and the bytes of files through read_blob."""

import glob
import os
import sysconfig

import duckdb

import lake
from check import *

site = sysconfig.get_paths()["purelib"]
[httpfs] = glob.glob(os.path.join(site, "duckdb_extension_httpfs/extensions/*/httpfs.duckdb_extension"))

db = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
db.execute(f"LOAD '{httpfs}'")
db.execute(
    f"""CREATE SECRET (TYPE s3, PROVIDER config, KEY_ID '{access_key}', SECRET '{secret_key}', REGION '{region}',
    ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)"""
)
root = f"s3://{bucket}"

with check("a glob of everything gives every key"):
    found = [row[0] for row in db.execute(f"SELECT file FROM glob('{root}/**')").fetchall()]
    # A marker is a directory to DuckDB or a file, by version; both tell the truth.
    keys = [name[len(root) + 1 :] for name in found]
    same_keys(in_byte_order(key for key in keys if not key.endswith("/")), files())

# To DuckDB `?` begins parameters of its own and `[` a pattern, whatever a server does: such names it can list only.
unreadable = set("?[*")

with check("read_blob gives every byte of every file but the large ones"):
    readable = [key for key in files() if not unreadable & set(key) and not key.startswith("large/")]
    for start in range(0, len(readable), 500):
        some = readable[start : start + 500]
        names = [f"{root}/{key}" for key in some]
        found = db.execute("SELECT filename, content FROM read_blob(?)", [names]).fetchall()
        found = {name[len(root) + 1 :]: content for name, content in found}
        same_keys(in_byte_order(found), some)
        for key, content in found.items():
            same_bytes(key, content)

with check("a partitioned Parquet set"):
    found = db.execute(f"SELECT * FROM read_parquet('{root}/lake/parquet/**/*.parquet', hive_partitioning = true)")
    lake.same_table(found.to_arrow_table())

with check("a filter on a partition"):
    [[total]] = db.execute(
        f"SELECT sum(id) FROM read_parquet('{root}/lake/parquet/*/*/*.parquet', hive_partitioning = true) WHERE year = 2025"
    ).fetchall()
    same(total, lake.of_year(2025))

with check("a CSV set"):
    lake.same_table(db.execute(f"SELECT * FROM read_csv('{root}/lake/csv/*.csv')").to_arrow_table())

with check("the Parquet files of a Delta table"):
    found = db.execute(f"SELECT * FROM read_parquet('{root}/lake/delta/**/*.parquet', hive_partitioning = true)")
    lake.same_table(found.to_arrow_table())

refused("COPY TO is refused", lambda: db.execute(f"COPY (SELECT 1 AS one) TO '{root}/new.parquet' (FORMAT parquet)"), duckdb.Error)
