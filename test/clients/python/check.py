"""What the Python clients share: where the door is, what must be seen through it, and how a check is said.

Each check prints one line: `ok - NAME`, or `not ok - NAME` after the reason, which the runner counts.
"""

import contextlib
import hashlib
import json
import os
import time
import traceback

with open(os.environ["TWOFOLD_CLIENT_SETUP"]) as file:
    setup = json.load(file)

door = setup["door"]
endpoint = door["endpoint"]
bucket = door["bucket"]
region = door["region"]
access_key = door["accessKeyId"]
secret_key = door["secretAccessKey"]
host = endpoint.split("//")[1]
work = setup["work"]

objects = setup["objects"]
"""key -> {size, md5}"""
markers = setup["markers"]
"""keys of the empty directories"""

prompt_seconds = 20
"""A refusal that takes longer than this is a hang."""


@contextlib.contextmanager
def check(name):
    try:
        yield
    except Exception as error:
        # Where the script stood, and what was thrown: the libraries' own frames say little.
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
        said = traceback.format_list(frames[1:]) + traceback.format_exception_only(error)
        print("# " + "".join(said).rstrip().replace("\n", "\n# "))
        print(f"not ok - {name}", flush=True)
    else:
        print(f"ok - {name}", flush=True)


def same(got, want, what="value"):
    if got != want:
        raise AssertionError(f"{what}: got {short(got)}, want {short(want)}")


def short(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "..."


def same_keys(got, want):
    """Both the set and the order."""
    got, want = list(got), list(want)
    if got == want:
        return
    more = sorted(set(got) - set(want))
    less = sorted(set(want) - set(got))
    raise AssertionError(f"{len(got)} keys, not {len(want)}; unexpected {short(more)}; missing {short(less)}; or another order")


def in_byte_order(keys):
    return sorted(keys, key=lambda key: key.encode())


def files(prefix=""):
    return in_byte_order(key for key in objects if key.startswith(prefix))


def files_and_markers():
    return in_byte_order([*objects, *markers])


def same_bytes(key, data):
    want = objects[key]
    same(len(data), want["size"], f"size of {key!r}")
    same(hashlib.md5(data).hexdigest(), want["md5"], f"MD5 of {key!r}")


def same_file(key, path):
    digest = hashlib.md5()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    same(digest.hexdigest(), objects[key]["md5"], f"MD5 of {key!r}")


def refused(name, attempt, *kinds):
    """`attempt` must raise one of `kinds` (any Exception by default), and soon."""
    with check(name):
        started = time.monotonic()
        try:
            attempt()
        except kinds or (Exception,):
            same(time.monotonic() - started < prompt_seconds, True, "refused promptly")
        else:
            raise AssertionError("the write was not refused")
