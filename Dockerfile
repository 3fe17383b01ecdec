# Starling on a CPU. Build: docker build -t starling .
# Run: docker run -p 8080:8080 -v starling-models:/models starling
FROM python:3.12-slim AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY streaming streaming
COPY server server
COPY loadtest loadtest
COPY clients clients
COPY generated generated
# silero-vad without its dependencies: they would bring torch, which Starling does not use.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir -c constraints.txt . \
    && /venv/bin/pip install --no-cache-dir --no-deps silero-vad==6.2.3

FROM python:3.12-slim
# CTranslate2 and onnxruntime compute with OpenMP.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 starling \
    && install -d -o starling -g starling /models
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STARLING_HOST=0.0.0.0 \
    STARLING_CACHE_DIR=/models
USER starling
VOLUME /models
EXPOSE 8080 50051
# The first start fetches the model, hence the long start period.
HEALTHCHECK --interval=10s --timeout=3s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["starling"]
CMD ["serve"]
