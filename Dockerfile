# One image for every role: `docker run kanal:dev channel --help`. docker-compose.yml shows them together.
#   docker build -t kanal:dev .        (BuildKit or not, both work)
FROM python:3.11-slim-bookworm AS base

# The wheel is built here, so that neither pip nor the build backend reaches the image.
FROM base AS wheel
WORKDIR /src
COPY requirements-build.lock ./
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY eventing eventing
COPY channel channel
COPY dispatcher dispatcher
COPY controller controller
COPY kanal kanal
RUN /build/bin/python -m hatchling build --target wheel --directory /wheels

FROM base AS app
COPY requirements-runtime.lock ./
RUN python -m venv --without-pip /opt/kanal \
    && python -m pip --python /opt/kanal/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes --requirement requirements-runtime.lock
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/kanal/bin/python install --no-cache-dir --disable-pip-version-check --no-deps --no-index /wheels/*.whl
# Apache Kafka's jars and the archive that makes its start quick. Requests brings its own list of authorities; the
# system's also holds what a company's base image adds.
RUN REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt KANAL_CACHE=/opt/kafka /opt/kanal/bin/kanal kafka --fetch-only

FROM base
# A number, so that an orchestrator can see that it isn't root. /data belongs to it, and so does a volume that starts there.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin kanal \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=app /opt /opt
ENV PATH=/opt/kanal/bin:$PATH KANAL_CACHE=/opt/kafka PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
EXPOSE 8080 8081 8082 9092
ENTRYPOINT ["kanal"]
CMD ["--help"]
