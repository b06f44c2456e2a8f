# One image for every program: the command selects it (`edge …`, `origin …`). Programs write only to the folders in their
# settings, so a read-only root filesystem with a volume at /data and a tmpfs at /tmp is enough.
#
# The base images are build arguments. A release's tag moves with its security fixes; for a build that is reproducible byte
# for byte give digests (`docker buildx imagetools inspect python:3.11-slim-bookworm` prints it):
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… --build-arg NODE_IMAGE=node:22-bookworm-slim@sha256:… .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
COPY requirements.lock ./
COPY tools/uv.lock.txt ./tools/
RUN python -m pip install --no-cache-dir --disable-pip-version-check --target /uv \
      --require-hashes --no-deps --only-binary :all: -r tools/uv.lock.txt \
 && python -m venv --without-pip /app/.venv \
 && /uv/bin/uv pip install --no-cache --python /app/.venv/bin/python --require-hashes -r requirements.lock
# One line puts the project on the path, and one script is the command, as in tools/setup.sh.
RUN echo /app > "$(/app/.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/matinee.pth" \
 && printf '#!/bin/sh\nexec /app/.venv/bin/python -P -m tools.cli "$@"\n' > /app/.venv/bin/matinee \
 && chmod 755 /app/.venv/bin/matinee

FROM ${NODE_IMAGE} AS players
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-fund --no-audit

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Matinee" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 matinee \
 && useradd --uid 10001 --gid matinee --home-dir /data --shell /usr/sbin/nologin matinee \
 && install -d -m 0700 -o matinee -g matinee /data
WORKDIR /app
COPY --from=build /app/.venv ./.venv
COPY --from=players /app/node_modules ./node_modules
COPY kernel ./kernel
COPY system ./system
COPY cache ./cache
COPY rpc ./rpc
COPY httpd ./httpd
COPY edge ./edge
COPY origin ./origin
COPY control ./control
COPY services ./services
COPY web ./web
COPY tools ./tools
COPY LICENSE ./
# The root filesystem is read-only at run time, so all bytecode is compiled here: that of the standard library, which the base
# image leaves out, of the packages and of our code. Unchecked: Python never compares it with the source, so copying a layer cannot make it stale.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(tests?|lib2to3)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')" /app/.venv/lib \
      kernel system cache rpc httpd edge origin control services tools
USER 10001:10001
VOLUME /data
WORKDIR /data
# Each program answers /healthz at the HEALTH_URL of its compose entry. Without one, the check is that the command runs.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["/app/.venv/bin/python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['HEALTH_URL'], timeout=4) if 'HEALTH_URL' in os.environ else None"]
ENTRYPOINT ["/app/.venv/bin/matinee"]
CMD ["--help"]
