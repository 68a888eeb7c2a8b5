"""The reasoning service as a process of its own."""

from services.kit.process import serve
from services.reasoning.settings import ReasoningSettings
from services.reasoning.wiring import build

if __name__ == "__main__":
    settings = ReasoningSettings.load()
    serve(lambda resources: build(settings, resources))
