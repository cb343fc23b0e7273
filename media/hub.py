"""The model hub, seen as one call: fetch some files of a repository into a folder, or say why not.

The only file that imports ``huggingface_hub``. It must fail fast and quietly: build machines and
users' machines may be offline, and a call centre's start-up cannot wait for a name server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants

_PROBE_TIMEOUT_S = 3.0


class HubError(Exception):
    """The hub is unreachable, or does not hold a file; the message is short enough for a log line."""


def fetch(repository: str, files: Mapping[str, str], into: Path) -> dict[str, str]:
    """Download ``files`` (local name → path in the repository) of ``repository`` into ``into``.

    Returns the sha256 that the hub announces, by local name, for the files it stores by content
    (the large ones: their entity tag is the checksum).

    Raises:
        HubError: offline, refused, missing, or a download broke off.
    """
    if constants.HF_HUB_OFFLINE:
        raise HubError("HF_HUB_OFFLINE is set")
    checksums: dict[str, str] = {}
    try:
        # One metadata request a file, without retries, answers "are we online" within the timeout;
        # the downloader alone would retry for a minute.
        for name, remote in files.items():
            url = huggingface_hub.hf_hub_url(repository, remote)
            etag = huggingface_hub.get_hf_file_metadata(url, timeout=_PROBE_TIMEOUT_S).etag or ""
            if len(etag) == 64:
                checksums[name] = etag
        for name, remote in files.items():
            got = huggingface_hub.hf_hub_download(
                repository, remote, local_dir=into / ".hub", etag_timeout=_PROBE_TIMEOUT_S
            )
            Path(got).replace(into / name)
    except Exception as err:  # the client raises its own, its HTTP library's, OSError and ValueError
        raise HubError(f"{type(err).__name__}: {err}".splitlines()[0][:200]) from err
    return checksums
