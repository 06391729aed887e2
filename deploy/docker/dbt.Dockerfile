# dbt with the project of the warehouse. Every package is pinned by its hash. The arguments are those of dbt:
#
#   docker build -f deploy/docker/dbt.Dockerfile -t orderstream/dbt:dev .
#   docker run --rm -e BIGQUERY_PROJECT=my-project -e DBT_TARGET=google orderstream/dbt:dev build
#
# CA_FILE: as in deploy/docker/Dockerfile.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG CA_FILE=deploy/docker/no-ca.crt
COPY ${CA_FILE} /tmp/ca.crt
RUN cat /etc/ssl/certs/ca-certificates.crt /tmp/ca.crt > /tmp/bundle.crt
COPY dev/bigquery/uv-requirements.txt dev/bigquery/dbt-requirements.txt ./
# pip would take minutes, so that it installs only uv, which installs the rest.
RUN python3.13 -m venv /tmp/installer \
  && PIP_CERT=/tmp/bundle.crt /tmp/installer/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --requirement uv-requirements.txt \
  && python3.13 -m venv --without-pip /opt/dbt \
  && SSL_CERT_FILE=/tmp/bundle.crt UV_PYTHON_DOWNLOADS=never /tmp/installer/bin/uv pip install --no-cache --link-mode copy \
    --python /opt/dbt/bin/python --require-hashes --requirement dbt-requirements.txt

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="orderstream-dbt" \
  org.opencontainers.image.description="dbt and the models of the warehouse" \
  org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 1000 --create-home dbt
COPY --from=build /opt/dbt /opt/dbt
COPY dbt /opt/project
ENV PYTHONDONTWRITEBYTECODE=1 DBT_PROJECT_DIR=/opt/project DBT_PROFILES_DIR=/opt/project \
  DBT_TARGET_PATH=/tmp/target DBT_LOG_PATH=/tmp/logs DBT_SEND_ANONYMOUS_USAGE_STATS=false
USER dbt
ENTRYPOINT ["/opt/dbt/bin/dbt", "--no-version-check"]
CMD ["build"]
