# syntax=docker/dockerfile:1
# The server as an image:
#
#   docker build -t cellar .
#   docker run -p 8080:8080 -v cellar:/var/lib/cellar -e CELLAR_WRITE_TOKEN=<16 characters or more> cellar
#   docker run -p 8080:8080 cellar demo --listen :8080          # demo data in memory
#
# Whatever follows the image's name is a command of `cellar`; `docker run cellar --help` lists them.
FROM rust:1.95-bookworm AS build
ARG CELLAR_COMMIT=unknown
ENV CELLAR_COMMIT=$CELLAR_COMMIT
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked -p cellar --bin cellar \
    && cp target/dist/cellar /usr/local/bin/cellar
# A new volume begins as a copy of this directory, its owner included.
RUN mkdir -p /image/var/lib/cellar

# Without a shell, with certificate authorities and the C library.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Cellar" \
      org.opencontainers.image.description="Exact nearby search on a DynamoDB table keyed by cell, or on its own engine" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /usr/local/bin/cellar /usr/local/bin/cellar
COPY --from=build --chown=65532:65532 /image/var/lib/cellar /var/lib/cellar
ENV CELLAR_DATA=/var/lib/cellar CELLAR_LISTEN=:8080
VOLUME /var/lib/cellar
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/cellar", "health", "--quiet", "--url", "http://127.0.0.1:8080"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/cellar"]
CMD ["serve"]
