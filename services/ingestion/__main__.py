"""The ingestion service as a process of its own."""

from services.ingestion.settings import IngestionSettings
from services.ingestion.wiring import build
from services.kit.process import serve

if __name__ == "__main__":
    serve("ingestion", lambda resources: build(IngestionSettings.load(), resources))
