"""The review service as a process of its own."""

from services.kit.process import serve
from services.review.wiring import build

if __name__ == "__main__":
    serve("review", build)
