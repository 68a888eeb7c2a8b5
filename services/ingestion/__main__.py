"""The ingestion service as a process of its own."""

from services.ingestion.settings import IngestionSettings
from services.ingestion.wiring import build
from services.kit.process import serve

if __name__ == "__main__":
    settings = IngestionSettings.load()
    serve(lambda resources: build(settings, resources))
