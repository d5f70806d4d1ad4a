# One image, one process. All a user types:
#
#   docker run -d -v ./data:/app/data -v ./config:/app/config -p 8080:8080 zhike
#
# `make image-proof` carries these steps out on a clean root without a Docker engine; it reads this
# file, so use only FROM, ARG, RUN, COPY, ENV, WORKDIR, VOLUME, EXPOSE, HEALTHCHECK, ENTRYPOINT, CMD.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# ---- build: libraries pinned by hash, pages built with Node from PyPI ------------------------------
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.lock requirements-build.lock requirements-node.lock ./
RUN python3 -m venv /app/venv && \
    /app/venv/bin/python -m pip install --quiet --no-cache-dir --require-hashes -r requirements.lock
RUN python3 -m venv /tools && \
    /tools/bin/python -m pip install --quiet --no-cache-dir --require-hashes \
      -r requirements-build.lock -r requirements-node.lock
COPY . .
RUN /tools/bin/python hatch_build.py && /tools/bin/hatchling build --target wheel --directory /dist
RUN /app/venv/bin/python -m pip install --quiet --no-cache-dir --no-deps --no-index /dist/*.whl && \
    /app/venv/bin/python -m pip uninstall --quiet --yes pip setuptools && \
    /app/venv/bin/python -m compileall -q /app/venv/lib

# ---- what runs ------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}
RUN useradd --no-log-init --uid 10001 --user-group --home-dir /app --shell /usr/sbin/nologin zhike
WORKDIR /app
COPY --from=build /app/venv /app/venv
COPY deploy/zhike.toml /app/share/zhike.toml
COPY deploy/entrypoint.py /app/bin/zhike
COPY deploy/healthcheck.py /app/bin/healthcheck
RUN chmod 755 /app/bin/zhike /app/bin/healthcheck && mkdir /app/data /app/config
ENV PATH=/app/bin:/app/venv/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ZHIKE_SERVER__HOST=0.0.0.0
VOLUME ["/app/data", "/app/config"]
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["/app/bin/healthcheck"]
ENTRYPOINT ["/app/bin/zhike"]
CMD ["serve"]
