"""The analysis service as a process of its own."""

from services.analysis.settings import AnalysisSettings
from services.analysis.wiring import build
from services.kit.process import serve

if __name__ == "__main__":
    serve("analysis", lambda resources: build(AnalysisSettings.load(), resources))
