"""llama.cpp's server with embeddings, for tests: ``python -m zhike.testing.llama.embed_child MODEL KEY``.

Prints ``{"url": …}`` when it listens; ends with its parent's pipe.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading


def main() -> None:
    """See the module."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.api_keys = [sys.argv[2]]
    params.model_alias = {"tiny"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = 2048, 2, 1024, 1024
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.ui = params.warmup = params.fit_params = False
    params.cors_origins, params.cache_ram_mib, params.verbosity = "", 0, 0
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print(json.dumps({"url": server.listening_address}), flush=True)

    def with_parent() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=with_parent, daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)


if __name__ == "__main__":
    main()
