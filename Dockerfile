# The managed plugin's root file system, for who has Docker and nothing else:
#
#   plugin/managed/image.sh      builds this, and makes build/plugin of it, as make plugin does
#   docker build -t dsp .        the image alone; docker run dsp shows its options
FROM debian:bookworm AS build
WORKDIR /dsp
COPY tests/lab/packages.sh tests/lab/
RUN tests/lab/packages.sh plugin
COPY Makefile config.json ./
COPY tests/tests.mk tests/
COPY include include
COPY plugin plugin
COPY src src
RUN make plugin-directory

FROM scratch
COPY --from=build /dsp/build/plugin/rootfs /
ENTRYPOINT ["/usr/bin/dspd"]
CMD ["--help"]
