# joinwatch as a container; docs/operations.md says how to run it.
#   docker build -t joinwatch .

FROM python:3.11.16-slim-trixie AS build
COPY requirements/run.txt /build/run.txt
RUN python -m venv --without-pip /opt/joinwatch \
    && python -m pip --python /opt/joinwatch/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /build/run.txt
COPY proxy /opt/joinwatch/lib/python3.11/site-packages/proxy
RUN /opt/joinwatch/bin/python -m compileall -q /opt/joinwatch/lib/python3.11/site-packages/proxy

FROM python:3.11.16-slim-trixie
RUN install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/joinwatch
COPY --from=build /opt/joinwatch /opt/joinwatch

# A container's loopback is its own, so both listeners take every interface; publish 4001 to operators only. These
# variables win over a mounted joinwatch.toml. The admin listener answers to loopback names and to those listed here.
ENV PATH=/opt/joinwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    JOINWATCH_LISTEN__PUBLIC=0.0.0.0:4000 \
    JOINWATCH_LISTEN__ADMIN=0.0.0.0:4001 \
    JOINWATCH_LISTEN__ADMIN_HOSTS=joinwatch \
    JOINWATCH_LEDGER__URL=sqlite:////var/lib/joinwatch/joinwatch.db

# The one place that is written to: the ledger and the receipt key beside it. The rest may be read-only.
VOLUME /var/lib/joinwatch
WORKDIR /var/lib/joinwatch
USER 10001:10001
EXPOSE 4000 4001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["python", "-c", "import http.client, os; asked = http.client.HTTPConnection('127.0.0.1', int(os.environ['JOINWATCH_LISTEN__ADMIN'].rpartition(':')[2]), timeout=2); asked.request('GET', '/livez'); raise SystemExit(asked.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "proxy"]
CMD ["serve"]
