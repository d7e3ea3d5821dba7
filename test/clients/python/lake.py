"""The data sets that the ETL readers read: a partitioned Parquet set, a CSV set and a Delta table.

Run as `lake.py DIRECTORY`, writes them there. Imported, tells what a reader must find.
"""

import os
import sys

import pyarrow as pa
import pyarrow.compute as pc

regions = ["nord", "süd & ost", "west+100%", "ιόνιο"]
years = [2024, 2025, 2026]
rows = 24_000


def table():
    ids = pa.array(range(rows), pa.int64())
    return pa.table(
        {
            "id": ids,
            "year": pa.array([years[n % len(years)] for n in range(rows)], pa.int64()),
            "region": pa.array([regions[n % len(regions)] for n in range(rows)]),
            "name": pa.array([f"name {n} é😀" for n in range(rows)]),
            "value": pa.array([n * 0.25 for n in range(rows)], pa.float64()),
        }
    )


def by_id(found):
    """A reader's table as `table()` gives it: columns, types and order of rows."""
    want = table().schema
    found = pa.table({name: found.column(name) for name in want.names})
    return found.cast(want).combine_chunks().sort_by("id")


def same_table(found):
    found = by_id(found)
    want = table().combine_chunks()
    if not found.equals(want):
        raise AssertionError(f"{found.num_rows} rows of another content, not the {want.num_rows} that were written")


def of_year(year):
    return pc.sum(table().filter(pc.field("year") == year)["id"]).as_py()


def write(directory):
    import deltalake
    import pyarrow.csv as csv
    import pyarrow.dataset as ds

    whole = table()
    ds.write_dataset(
        whole,
        os.path.join(directory, "parquet"),
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("year", pa.int64()), ("region", pa.string())]), flavor="hive"),
    )
    os.makedirs(os.path.join(directory, "csv"))
    for year in years:
        csv.write_csv(whole.filter(pc.field("year") == year), os.path.join(directory, "csv", f"of {year}.csv"))
    delta = os.path.join(directory, "delta")
    for year in years:
        deltalake.write_deltalake(delta, whole.filter(pc.field("year") == year), mode="append", partition_by=["year"])


if __name__ == "__main__":
    write(sys.argv[1])
