"""The child process: llama.cpp's own server on loopback, nothing else of zhike in it.

    python -m zhike.answer.llm.local_child MODEL.gguf --context 4096 --slots 2 …

Says ``{"zhike_url": "http://127.0.0.1:…"}`` on standard output when it is ready. Its key comes in the
environment, where other users cannot read it as they could read arguments. It ends with SIGTERM, and
when its parent dies, however that happens: standard input then ends (and Linux kills it anyway).

A process of its own, because a file with bad metadata makes llama.cpp abort, and because computing
must not hold up the desk: it is also the nicer one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from typing import Any

KEY = "ZHIKE_LOCAL_MODEL_KEY"
NICENESS = 10
"""Below the desk: a message is worth more than a token."""
HTTP_THREADS = 8


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--alias", default="local")
    for name, default in (("context", 4096), ("slots", 2), ("threads", 1), ("batch", 128), ("port", 0),
                          ("nice", NICENESS)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--watch", action="store_true", help="open /slots and /metrics, for tests")
    options = parser.parse_args()
    # before any thread exists: llama.cpp's threads inherit it, and sigwait below gets the signals
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    _die_with_parent()
    with contextlib.suppress(OSError):
        os.nice(options.nice)
    os.environ["GGML_NO_BACKTRACE"] = "1"  # on abort it would start a debugger on a process of gigabytes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # and so would a core file be
    server = _serve(options)
    sys.stdout.write(json.dumps({"zhike_url": server.listening_address}) + "\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)  # its destructor waits for answers in hand; nobody is there to hear them


def _serve(options: argparse.Namespace) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.path
    params.model_alias = {options.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.api_keys = [key] if (key := os.environ.pop(KEY, "")) else []
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.n_batch = options.batch
    params.n_ubatch = min(options.batch, 512)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.n_threads_http = HTTP_THREADS
    # its own defaults are for a person at a desk: a page, any origin, 8 GB of old prompts
    params.ui = False
    params.cors_origins = ""
    params.cors_credentials = False
    params.cache_ram_mib = 0
    params.fit_params = False
    params.endpoint_slots = params.endpoint_metrics = options.watch
    params.verbosity = 1
    return xllamacpp.Server(params)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    threading.Thread(target=_until_input_ends, daemon=True).start()


def _until_input_ends() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(0)


if __name__ == "__main__":
    main()
