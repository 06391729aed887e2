# The BigQuery emulator of the local stack: local-bigquery with the launcher of dev/bigquery. Every package is pinned by
# its hash. Never part of a deployment.
#
#   docker build -f deploy/docker/bigquery-emulator.Dockerfile -t orderstream-bigquery-emulator:dev .
#
# CA_FILE: as in deploy/docker/Dockerfile.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG CA_FILE=deploy/docker/no-ca.crt
COPY ${CA_FILE} /tmp/ca.crt
RUN cat /etc/ssl/certs/ca-certificates.crt /tmp/ca.crt > /tmp/bundle.crt
COPY dev/bigquery/uv-requirements.txt dev/bigquery/requirements.txt ./
# pip would take minutes, so that it installs only uv, which installs the rest.
RUN python3.13 -m venv /tmp/installer \
  && PIP_CERT=/tmp/bundle.crt /tmp/installer/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --requirement uv-requirements.txt \
  && python3.13 -m venv --without-pip /opt/emulator \
  && SSL_CERT_FILE=/tmp/bundle.crt UV_PYTHON_DOWNLOADS=never /tmp/installer/bin/uv pip install --no-cache --link-mode copy \
    --python /opt/emulator/bin/python --require-hashes --requirement requirements.txt

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="orderstream-bigquery-emulator" \
  org.opencontainers.image.description="BigQuery emulator of the local stack (local-bigquery)" \
  org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 1000 --create-home emulator && install -d -o emulator -g emulator /var/lib/bigquery
COPY --from=build /opt/emulator /opt/emulator
COPY dev/bigquery/local_bigquery_launcher.py /opt/emulator/launcher.py
COPY deploy/docker/bigquery-healthcheck.py /opt/emulator/healthcheck.py
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 BIGQUERY_PROJECT=orderstream-local
USER emulator
VOLUME /var/lib/bigquery
EXPOSE 9050 9060
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s --retries=3 CMD ["/opt/emulator/bin/python", "/opt/emulator/healthcheck.py"]
ENTRYPOINT ["/opt/emulator/bin/python", "/opt/emulator/launcher.py", "--host", "0.0.0.0", "--port", "9050", "--grpc-port", "9060", "--data-dir", "/var/lib/bigquery"]
CMD ["--project", "orderstream-local"]
