# codex-sim, from the top of the repository:
#
#     docker build -f deploy/compose/codex-sim.Dockerfile -t imagegate/codex-sim:dev .
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile tools --package codex-sim

FROM debian:bookworm-slim
COPY --from=build /src/target/tools/codex-sim /usr/local/bin/codex-sim
USER 65534:65534
EXPOSE 10001
ENTRYPOINT ["/usr/local/bin/codex-sim"]
CMD ["--listen", "0.0.0.0:10001"]
