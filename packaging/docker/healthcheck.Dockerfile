# An image that is healthy while its port is listened on. Nothing connects to the service. Docker knows 0 as healthy and 1 as
# unhealthy, and so does listenup without --exit-codes. The image needs no shell and no C library for it.
ARG IMAGE
FROM ${IMAGE}
COPY --chown=root:root --chmod=755 listenup /listenup
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s --retries=2 CMD ["/listenup", "check", "-q", "443"]
