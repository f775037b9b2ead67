"""Posts the lifecycle events of an Azure hub to a webhook, as Event Grid does (hub-dialects 5.4)."""

from .disorder import Disorder
from .sender import Rules, Webhook

__all__ = ["Disorder", "Rules", "Webhook"]
