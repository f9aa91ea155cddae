# Stands in for the official image, which needs a registry: Debian's Postgres, with the user, the path and the signal of
# that one.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN groupadd --system --gid 999 postgres && useradd --system --gid postgres --uid 999 postgres
RUN apt-get update \
    && mkdir --parents /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
    && apt-get install --yes --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/lib/postgresql/15/bin:$PATH
STOPSIGNAL SIGINT
