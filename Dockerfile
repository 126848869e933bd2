# The manager in a container; see docs/howto/run-with-docker.md.
FROM python:3.13-slim AS build
WORKDIR /src
COPY setup.py pyproject.toml README.md pblm.py run_all.py ./
COPY bus bus
COPY actors actors
COPY api api
ARG EXTRAS=""
RUN python -m venv /opt/pblm && /opt/pblm/bin/pip install --no-cache-dir ".${EXTRAS}"

FROM python:3.13-slim
COPY --from=build /opt/pblm /opt/pblm
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin pblm \
    && install -d -o pblm -g pblm -m 0700 /data
USER 10001
WORKDIR /data
ENV PATH=/opt/pblm/bin:$PATH PYTHONUNBUFFERED=1 PB_USER_DBS_PATH=/data/user_dbs
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["pblm", "ready"]
ENTRYPOINT ["pblm"]
CMD ["serve"]
