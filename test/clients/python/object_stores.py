"""Four more: minio, obstore (Rust's object_store), DataFusion over it, smart_open."""

import urllib.request

import boto3
import datafusion
import datafusion.object_store
import minio
import obstore
import obstore.store
import pyarrow as pa
import smart_open

import lake
from check import *

awkward = [key for key in files() if key.split("/")[0] in ("marks", "unicode", "spaces", "order", "empty-files", "links")]

client = minio.Minio(host, access_key=access_key, secret_key=secret_key, region=region, secure=False)

with check("minio: list_objects gives every key in order"):
    same_keys([item.object_name for item in client.list_objects(bucket, recursive=True)], files_and_markers())

with check("minio: list_objects by version 1"):
    found = client.list_objects(bucket, recursive=True, use_api_v1=True)
    same_keys([item.object_name for item in found], files_and_markers())

with check("minio: get_object gives every byte of awkwardly named files"):
    for key in awkward:
        answer = client.get_object(bucket, key)
        same_bytes(key, answer.read())
        answer.release_conn()

with check("minio: stat_object and a presigned URL"):
    same(client.stat_object(bucket, "plain.txt").size, objects["plain.txt"]["size"])
    with urllib.request.urlopen(client.presigned_get_object(bucket, "plain.txt")) as answer:
        same_bytes("plain.txt", answer.read())

refused("minio: fput_object is refused", lambda: client.fput_object(bucket, "new.txt", __file__), minio.S3Error)

store = obstore.store.S3Store(
    bucket,
    endpoint=endpoint,
    region=region,
    access_key_id=access_key,
    secret_access_key=secret_key,
    client_options={"allow_http": True},
)

with check("obstore: list gives every key"):
    found = [item["path"] for page in obstore.list(store) for item in page]
    # Its paths know no trailing slash.
    same_keys(in_byte_order(found), in_byte_order(key.rstrip("/") for key in files_and_markers()))

with check("obstore: list with an offset"):
    keys = files("many/")
    found = [item["path"] for page in obstore.list(store, "many", offset=keys[1000]) for item in page]
    same_keys(found, keys[1001:])

with check("obstore: get gives every byte of awkwardly named files"):
    for key in awkward:
        same_bytes(key, bytes(obstore.get(store, key).bytes()))

with check("obstore: ranges"):
    whole = bytes(obstore.get(store, "large/odd.bin").bytes())
    parts = obstore.get_ranges(store, "large/odd.bin", starts=[0, 5_000_000], lengths=[100, 200])
    same([bytes(part) for part in parts], [whole[:100], whole[5_000_000:5_000_200]])

refused("obstore: put is refused", lambda: obstore.put(store, "new.txt", b"x"))
refused("obstore: put if absent is refused", lambda: obstore.put(store, "new.txt", b"x", mode="create"))

with check("DataFusion: a partitioned Parquet set"):
    context = datafusion.SessionContext()
    s3 = datafusion.object_store.AmazonS3(
        bucket_name=bucket,
        region=region,
        access_key_id=access_key,
        secret_access_key=secret_key,
        endpoint=endpoint,
        allow_http=True,
    )
    context.register_object_store("s3://", s3, host=bucket)
    parts = [("year", pa.int64()), ("region", pa.string())]
    context.register_parquet("lake", f"s3://{bucket}/lake/parquet/", table_partition_cols=parts)
    lake.same_table(context.sql("SELECT id, year, region, name, value FROM lake").to_arrow_table())

with check("DataFusion: a CSV set"):
    context.register_csv("rows", f"s3://{bucket}/lake/csv/")
    lake.same_table(context.sql("SELECT * FROM rows").to_arrow_table())

session = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region)
parameters = {"client": session.client("s3", endpoint_url=endpoint)}

with check("smart_open: lines and a seek"):
    with smart_open.open(f"s3://{bucket}/plain.txt", transport_params=parameters) as file:
        same(file.read(), "one tree, two doors\n")
    with smart_open.open(f"s3://{bucket}/large/odd.bin", "rb", transport_params=parameters) as file:
        file.seek(8_000_000)
        same(file.read(1000), whole[8_000_000:8_001_000])


def write():
    with smart_open.open(f"s3://{bucket}/new.txt", "wb", transport_params=parameters) as file:
        file.write(b"x")


refused("smart_open: a write is refused", write)
