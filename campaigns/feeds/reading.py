"""The front door: bytes and a name in, rows out, whatever the format."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.feeds.base import MAX_BYTES, Feed, FeedError
from campaigns.feeds.delimited import read_csv, read_tsv
from campaigns.feeds.detection import detect_format
from campaigns.feeds.json_lines import read_jsonl
from campaigns.feeds.markup import read_xml

READERS: dict[str, Callable[[bytes], Feed]] = {
    "tsv": read_tsv,
    "csv": read_csv,
    "xml": read_xml,
    "jsonl": read_jsonl,
}


def read_feed(content: bytes, name: str) -> Feed:
    """Recognise a feed and begin to read it. Raises FeedError."""
    if len(content) > MAX_BYTES:
        raise FeedError(
            "feed_too_large",
            f"The feed has {len(content) / 2**20:.0f} MB; {MAX_BYTES // 2**20} MB is the limit.",
        )
    if not content.strip(b"\xef\xbb\xbf \t\r\n\0"):
        raise FeedError("empty_feed", "The feed is empty.")
    return READERS[detect_format(content, name)](content)
