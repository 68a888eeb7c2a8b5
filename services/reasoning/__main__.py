"""The reasoning service as a process of its own."""

from services.kit.process import serve
from services.reasoning.settings import ReasoningSettings
from services.reasoning.wiring import build

if __name__ == "__main__":
    serve("reasoning", lambda resources: build(ReasoningSettings.load(), resources))
