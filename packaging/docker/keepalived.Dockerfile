# A keepalived image with listenup at the place where keepalived's script security and SELinux want it. The program is static,
# so any image will do. Put it beside this file, out of the tarball of scripts/release:
#
#   docker build --build-arg KEEPALIVED=REGISTRY/YOUR-KEEPALIVED:TAG -f keepalived.Dockerfile .
#
# The container needs the network of the host (--network host), as keepalived itself does: listenup sees the listeners of the
# network namespace that it is in.
ARG KEEPALIVED
FROM ${KEEPALIVED}
COPY --chown=root:root --chmod=755 listenup /usr/libexec/keepalived/listenup
