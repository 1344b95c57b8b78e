# syntax=docker/dockerfile:1
# One image for the web, the workers and the one-shot migration.
#   docker build -t adplatform .                                                        (CPU)
#   docker build -t adplatform:gpu --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .

# The Debian whose postgresql-client `manage.py backup` and `restore` run; its pg_dump reads servers up to its own
# version: bookworm 15, as compose.yaml starts it, trixie 17.
ARG DEBIAN=bookworm

FROM python:3.11-slim-${DEBIAN} AS build
# torch comes first, from an index of builds of one kind: the exact pin in requirements.txt is then satisfied
# and pip does not fetch 5 GB of CUDA libraries for a machine without a GPU.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt requirements-extra.txt ./
RUN pip install --index-url "$TORCH_INDEX" "$(grep -oE '^torch==[0-9.]+' requirements.txt)"
RUN pip install -r requirements.txt -r requirements-extra.txt
COPY . .
# The hashed static files are part of the image, so that every web process serves the same ones.
RUN PRODUCTION=true SECRET_KEY=only-for-this-build-step VAR_DIR=/tmp/var STATIC_ROOT=/app/staticfiles \
    python manage.py collectstatic --noinput

FROM python:3.11-slim-${DEBIAN}
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin adplatform \
    && install --directory --owner=adplatform --group=adplatform /srv/adplatform /backups
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PRODUCTION=true VAR_DIR=/srv/adplatform STATIC_ROOT=/app/staticfiles
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
USER 10001
VOLUME /srv/adplatform
EXPOSE 8000
CMD ["python", "-m", "granian", "--interface", "wsgi", "adplatform.wsgi:application", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "2", "--no-ws", "--log-level", "warning", "--respawn-failed-workers"]
