"""Reach a lake in S3 by its address, s3a://bucket/folder, from Spark, delta-rs and Arrow alike.

Where the store is comes from AWS's own variables, which every S3 client reads: ``AWS_ENDPOINT_URL`` for a store that is
not Amazon's, ``AWS_REGION``, and the credentials. Credentials are read by the libraries alone, never here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakehouse.errors import OutsideError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

SCHEME = "s3a://"

_DEFAULT_REGION = "us-east-1"
"""What a store of one's own is asked for: most have no regions, and every client wants one."""

_PATIENCE = {"max_retries": "4", "retry_timeout": "30s", "connect_timeout": "5s"}
"""delta-rs would try a store that is gone for three minutes."""


def lake_address(lake: str) -> str:
    """The address of a lake as all of this program spells it: without a slash at its end, and s3:// as s3a://.

    Raises UsageError for an address of S3 without a bucket, or with what belongs into the environment.
    """
    address = lake.rstrip("/")
    if not is_s3(address):
        return address
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise UsageError(
            f"The lake's address has something before its bucket, {parts.netloc.rpartition('@')[2]}.",
            "Take it out: credentials of S3 are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or "
            "the machine's own role.",
        )
    if not parts.netloc:
        raise UsageError("The lake's address names no bucket of S3.", "Write it as in s3a://bucket/lake.")
    return f"{SCHEME}{parts.netloc}{parts.path}"


def is_s3(address: str) -> bool:
    """Whether an address is one of S3, or of a store that speaks its language."""
    return address.startswith((SCHEME, "s3://"))


def endpoint(environ: Mapping[str, str] = os.environ) -> str:
    """Where the store is, as the environment says; empty for Amazon's own."""
    return environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""


def region(environ: Mapping[str, str] = os.environ) -> str:
    """The region that the environment names; empty where it names none and Amazon's client finds it."""
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    return named or (_DEFAULT_REGION if endpoint(environ) else "")


def spark_settings(lake: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Spark's settings to reach a lake in S3; none for any other lake."""
    if not is_s3(lake):
        return {}
    settings = {"spark.hadoop.fs.s3a.endpoint.region": region(environ)}
    if place := endpoint(environ):
        settings |= {"spark.hadoop.fs.s3a.endpoint": place, "spark.hadoop.fs.s3a.path.style.access": "true"}
    return {name: value for name, value in settings.items() if value}


def delta_rs_options(lake: str, environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """The storage options by which delta-rs reaches a table; None where it needs none."""
    if not is_s3(lake):
        return None
    # A commit is a PUT that the store refuses where there is one of its number already.
    options = {**_PATIENCE, "conditional_put": "etag", "aws_region": region(environ)}
    if place := endpoint(environ):
        options |= {"aws_endpoint_url": place, "allow_http": str(place.startswith("http://")).lower()}
    return {name: value for name, value in options.items() if value}


def arrow_file_system(environ: Mapping[str, str] = os.environ) -> S3FileSystem:
    """S3 for Arrow; a path in it begins with the bucket."""
    from pyarrow import fs

    place = urlsplit(endpoint(environ))
    return fs.S3FileSystem(
        region=region(environ) or None,
        endpoint_override=place.netloc or None,
        scheme=place.scheme or "https",
        connect_timeout=5,
        request_timeout=30,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
    )


def bucket_path(address: str) -> str:
    """A table's place for ``arrow_file_system``: the bucket, and the folder in it."""
    parts = urlsplit(address)
    return f"{parts.netloc}{parts.path}"


def require_store(lake: str) -> None:
    """Raises OutsideError where a lake in S3 cannot be reached; for any other lake it does nothing.

    Arrow says so in seconds, where Spark tries for minutes and ends with a stack trace.
    """
    if not is_s3(lake):
        return
    from pyarrow import fs

    bucket = urlsplit(lake).netloc
    try:
        found = arrow_file_system().get_file_info(bucket)
    except OSError as error:
        raise unreachable(lake, error) from error
    if found.type == fs.FileType.NotFound:
        raise OutsideError(
            f"There is no bucket {bucket} at {endpoint() or 'Amazon S3'}.",
            "Make it, or name another one as the lake.",
        )


def unreachable(lake: str, error: Exception) -> OutsideError:
    """What to say where a store does not do what it is asked."""
    where, said = endpoint() or "Amazon S3", str(error)
    if any(word in said for word in ("ACCESS_DENIED", "Forbidden", "403", "credential", "Credential")):
        why = "it does not let this process in"
    elif "169.254.169.254" in said:  # where the credentials of a machine's role would be
        why = "the environment has no credentials"
    elif "NoSuchBucket" in said:
        why = "there is no such bucket"
    elif any(word in said for word in ("NETWORK_CONNECTION", "onnection", "error sending request", "timed out")):
        why = "it does not answer"
    else:
        why = (said.strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
    return OutsideError(
        f"The lake {lake} cannot be reached at {where}: {why}.",
        "Look at AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at this machine's role.",
    )
