# Images of alref. A build needs BuildKit, which is the default of Docker 23 and newer.
#
# cpu: the embedded components, which need no GPU and no download.
#
#   docker build --target cpu --tag alref:cpu .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" alref:cpu run clip.mp4 "the red cup"
#
# cuda: every extra, on an NVIDIA GPU. The host needs the NVIDIA Container Toolkit and a driver for CUDA 13 (580 or newer).
# The volume keeps weights and answers of language models between runs; keys are passed by name and are not stored.
#
#   docker build --target cuda --tag alref:cuda .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" --volume "$PWD:/data" --volume alref-home:/home/alref \
#     --env OPENAI_API_KEY alref:cuda run clip.mp4 "the dog that jumps" --proposer grounding-dino --propagator sam2
#
# dev: the sources, make and git. The two commands of the README run as on a fresh clone, so they need the network.
#
#   docker build --target dev --tag alref:dev .
#   docker run --rm alref:dev make demo
#   docker run --rm alref:dev make test
#
# Arguments of a build:
#   EXTRAS               extras of alref, as in --build-arg EXTRAS=openai,ollama; none for cpu and all for cuda if not given
#   CONSTRAINTS          the file of tested versions; --build-arg CONSTRAINTS= takes the newest ones
#   PIP_EXTRA_INDEX_URL  an index beside pip's own, for example one with CPU builds of PyTorch for `--target cpu` with extras

ARG PYTHON_IMAGE=python:3.11-slim
ARG CUDA_IMAGE=nvidia/cuda:13.0.3-base-ubuntu24.04


# PyTorch's packages bring the CUDA libraries along, so the small `base` image is enough. Triton, which compiles kernels for the
# GPU where a component is told to compile, needs a C compiler and the headers of Python.
FROM ${CUDA_IMAGE} AS cuda-base
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        gcc libc6-dev python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*


FROM cuda-base AS cuda-build
ARG EXTRAS=all
ARG CONSTRAINTS=constraints.txt
ARG PIP_EXTRA_INDEX_URL
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/alref \
    && /opt/alref/bin/python -m pip install ${CONSTRAINTS:+--constraint "$CONSTRAINTS"} ".${EXTRAS:+[$EXTRAS]}"


FROM cuda-base AS cuda
LABEL org.opencontainers.image.title="alref" org.opencontainers.image.licenses="MIT"
# a home that any user may write to, for `docker run --user`
RUN useradd --uid 10001 --create-home alref \
    && chmod 1777 /home/alref \
    && install --directory --owner=alref --group=alref /data
COPY --from=cuda-build /opt/alref /opt/alref
ENV PATH=/opt/alref/bin:$PATH HOME=/home/alref USER=alref
USER 10001
WORKDIR /data
ENTRYPOINT ["alref"]
CMD ["--help"]


FROM ${PYTHON_IMAGE} AS dev
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home alref \
    && install --directory --owner=alref --group=alref /home/alref/src
USER 10001
WORKDIR /home/alref/src
COPY --chown=alref:alref . .
CMD ["make", "test"]


FROM ${PYTHON_IMAGE} AS cpu-build
ARG EXTRAS=
ARG CONSTRAINTS=constraints.txt
ARG PIP_EXTRA_INDEX_URL
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/alref \
    && /opt/alref/bin/python -m pip install ${CONSTRAINTS:+--constraint "$CONSTRAINTS"} ".${EXTRAS:+[$EXTRAS]}"


# the last stage is what a build without --target makes
FROM ${PYTHON_IMAGE} AS cpu
LABEL org.opencontainers.image.title="alref" org.opencontainers.image.licenses="MIT"
# a home that any user may write to, for `docker run --user`
RUN useradd --uid 10001 --create-home alref \
    && chmod 1777 /home/alref \
    && install --directory --owner=alref --group=alref /data
COPY --from=cpu-build /opt/alref /opt/alref
ENV PATH=/opt/alref/bin:$PATH HOME=/home/alref USER=alref
USER 10001
WORKDIR /data
ENTRYPOINT ["alref"]
CMD ["--help"]
