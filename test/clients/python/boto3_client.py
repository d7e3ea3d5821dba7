"""boto3: paginators, whole objects, TransferManager's ranges, conditions, presigned URLs."""

import concurrent.futures
import os
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from check import *

s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name=region,
    aws_access_key_id=access_key,
    aws_secret_access_key=secret_key,
    config=boto3.session.Config(max_pool_connections=16),
)

with check("list_objects_v2 pages give every key in order"):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    same_keys([item["Key"] for page in pages for item in page.get("Contents", [])], files_and_markers())

with check("list_objects pages give every key in order"):
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 317})
    same_keys([item["Key"] for page in pages for item in page.get("Contents", [])], files_and_markers())

with check("sizes in the listing are those of the files"):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 250})
    sizes = {item["Key"]: item["Size"] for page in pages for item in page["Contents"]}
    same(sizes, {**{key: 0 for key in markers}, **{key: item["size"] for key, item in objects.items()}})

with check("a walk by delimiter reaches every key"):
    found, waiting = [], [""]
    while waiting:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", Prefix=waiting.pop())
        for page in pages:
            found += [item["Key"] for item in page.get("Contents", [])]
            waiting += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
    same_keys(in_byte_order(found), files_and_markers())

with check("get_object gives every byte of every file"):

    def read(key):
        answer = s3.get_object(Bucket=bucket, Key=key)
        same_bytes(key, answer["Body"].read())
        return answer["ETag"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        etags = dict(zip(files(), pool.map(read, files())))

with check("head_object says the size and the ETag that get_object and the listing say"):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    listed = {item["Key"]: item for page in pages for item in page["Contents"]}
    for key in files()[::7]:
        head = s3.head_object(Bucket=bucket, Key=key)
        same(head["ContentLength"], objects[key]["size"], key)
        same((head["ETag"], listed[key]["ETag"]), (etags[key], etags[key]), key)
        same(head["LastModified"].replace(microsecond=0), listed[key]["LastModified"].replace(microsecond=0), key)

with check("download_file reads the large file by parallel ranges"):
    path = os.path.join(work, "boto3-large.bin")
    config = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, max_concurrency=8)
    s3.download_file(bucket, "large/large.bin", path, Config=config)
    same_file("large/large.bin", path)
    os.unlink(path)

with check("ranges: first, open-ended, suffix, past the end"):
    whole = s3.get_object(Bucket=bucket, Key="large/odd.bin")["Body"].read()
    for asked, want in {
        "bytes=0-0": whole[:1],
        "bytes=100-": whole[100:],
        "bytes=-9": whole[-9:],
        f"bytes=5-{1 << 40}": whole[5:],
    }.items():
        answer = s3.get_object(Bucket=bucket, Key="large/odd.bin", Range=asked)
        same(answer["ResponseMetadata"]["HTTPStatusCode"], 206, asked)
        same(answer["Body"].read() == want, True, asked)

with check("a range after the end is InvalidRange"):
    try:
        s3.get_object(Bucket=bucket, Key="plain.txt", Range="bytes=100-")
    except ClientError as error:
        same(error.response["Error"]["Code"], "InvalidRange")
    else:
        raise AssertionError("no error")

with check("If-None-Match with the ETag is 304"):
    try:
        s3.get_object(Bucket=bucket, Key="plain.txt", IfNoneMatch=etags["plain.txt"])
    except ClientError as error:
        same(error.response["ResponseMetadata"]["HTTPStatusCode"], 304)
    else:
        raise AssertionError("no error")

with check("a key that is not there is NoSuchKey, another bucket AccessDenied"):
    for where, key, code in [(bucket, "nowhere", "NoSuchKey"), ("another-bucket", "plain.txt", "AccessDenied")]:
        try:
            s3.get_object(Bucket=where, Key=key)
        except ClientError as error:
            same(error.response["Error"]["Code"], code)
        else:
            raise AssertionError("no error")

with check("a presigned URL opens without credentials"):
    for key in ["plain.txt", *files("marks/")[:30], *files("unicode/")]:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=600)
        with urllib.request.urlopen(url) as answer:
            same_bytes(key, answer.read())

with check("bucket operations that readers ask"):
    same([item["Name"] for item in s3.list_buckets()["Buckets"]], [bucket])
    s3.head_bucket(Bucket=bucket)
    same(s3.get_bucket_location(Bucket=bucket)["LocationConstraint"], region)
    same("Status" in s3.get_bucket_versioning(Bucket=bucket), False)
    same(s3.get_object_tagging(Bucket=bucket, Key="plain.txt")["TagSet"], [])
    parts = s3.get_object_attributes(Bucket=bucket, Key="plain.txt", ObjectAttributes=["ObjectSize", "ETag"])
    same(parts["ObjectSize"], objects["plain.txt"]["size"])

refused("put_object is refused", lambda: s3.put_object(Bucket=bucket, Key="new.txt", Body=b"x"), ClientError)
refused("delete_object is refused", lambda: s3.delete_object(Bucket=bucket, Key="plain.txt"), ClientError)
refused(
    "delete_objects is refused",
    lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "plain.txt"}]}),
    ClientError,
)
refused("create_bucket is refused", lambda: s3.create_bucket(Bucket="another-bucket"), ClientError)
