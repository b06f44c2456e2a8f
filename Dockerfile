# syntax=docker/dockerfile:1
# One image for every program: the command chooses (`edge …`, `origin …`). Programs write only where they are told to, so a
# read-only root filesystem with a volume at /data and a tmpfs at /tmp is enough.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --target /uv uv \
 && python -m venv --without-pip /app/.venv \
 && /uv/bin/uv pip install --no-cache --python /app/.venv/bin/python --require-hashes -r requirements.lock
# One line puts the project on the path, one script is the command, as tools/setup.sh does it.
RUN echo /app > "$(/app/.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/matinee.pth" \
 && printf '#!/bin/sh\nexec /app/.venv/bin/python -P -m tools.cli "$@"\n' > /app/.venv/bin/matinee \
 && chmod 755 /app/.venv/bin/matinee

FROM node:22-bookworm-slim AS players
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-fund --no-audit

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Matinee" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 matinee \
 && useradd --uid 10001 --gid matinee --home-dir /data --shell /usr/sbin/nologin matinee \
 && install -d -o matinee -g matinee /data
WORKDIR /app
COPY --from=build /app/.venv ./.venv
COPY --from=players /app/node_modules ./node_modules
COPY kernel ./kernel
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
USER 10001:10001
VOLUME /data
WORKDIR /data
# Each program answers /healthz where its compose entry says (HEALTH_URL); without one, that the command runs is checked.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["/app/.venv/bin/python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['HEALTH_URL'], timeout=4) if 'HEALTH_URL' in os.environ else None"]
ENTRYPOINT ["/app/.venv/bin/matinee"]
CMD ["--help"]
