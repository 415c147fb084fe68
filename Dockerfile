# One image for every role: `docker run kanal:dev channel --help`. docker-compose.yml shows them together.
#   docker build -t kanal:dev .        (BuildKit or not, both work)
FROM python:3.11-slim-bookworm AS base

# The wheel is built here, so that the build backend never reaches the image.
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

FROM base AS libraries
COPY requirements-runtime.lock ./
RUN python -m venv --without-pip /opt/kanal \
    && python -m pip --python /opt/kanal/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes --requirement requirements-runtime.lock

# Apache Kafka's jars and the archive that makes its start quick. They need only this corner of the sources, so another
# change doesn't fetch them again. Requests brings its own list of authorities; the system's also holds what a company's
# base image adds.
FROM libraries AS kafka
WORKDIR /src
COPY eventing/errors.py eventing/
COPY eventing/kafka/embedded eventing/kafka/embedded
RUN REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt KANAL_CACHE=/opt/kafka /opt/kanal/bin/python -c "import asyncio; \
    from eventing.kafka.embedded import Options, archive, prepare; \
    options = Options(); \
    made = asyncio.run(archive.make(asyncio.run(prepare(options)), options, print)); \
    raise SystemExit(not made)"

FROM libraries AS kanal
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/kanal/bin/python install --no-cache-dir --disable-pip-version-check --no-deps --no-index /wheels/*.whl

FROM base
# A number, so that an orchestrator can see that it isn't root. /data belongs to it, and so does a volume that starts there.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin kanal \
    && install --directory --owner=10001 --group=10001 /data
# Nothing is installed in a running container, so what installs is taken away.
RUN find /usr -depth \( -name pip -o -name 'pip[0-9-]*' -o -name ensurepip -o -name 'setuptools*' -o -name 'wheel*' \
        -o -name pkg_resources -o -name _distutils_hack -o -name distutils-precedence.pth \) -exec rm -rf {} +
COPY --from=kafka /opt/kafka /opt/kafka
COPY --from=kanal /opt/kanal /opt/kanal
# Listening on loopback would reach nobody outside of the container.
ENV PATH=/opt/kanal/bin:$PATH PYTHONUNBUFFERED=1 KANAL_CACHE=/opt/kafka \
    KANAL_INGRESS__HOST=0.0.0.0 KANAL_CONTROL__HOST=0.0.0.0 KANAL_HEALTH__HOST=0.0.0.0
# The base image has no bytecode of the standard library, and a read-only root would never keep any: half a second a start.
RUN python -c "import kanal.cli, kanal.display, kanal.up, kanal.roles.channel, kanal.roles.controller, kanal.roles.dispatcher"
USER 10001:10001
WORKDIR /data
EXPOSE 8080 8081 8082 9092
ENTRYPOINT ["kanal"]
CMD ["--help"]
