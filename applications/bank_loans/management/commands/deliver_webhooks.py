"""manage.py deliver_webhooks: send what is due to banks, where there are no Celery workers."""

import logging
import time
from argparse import ArgumentParser
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from applications.bank_loans.webhooks import sending

logger = logging.getLogger(__name__)
#: Endpoints that are sent to at the same time, so that one that hangs holds up no other.
_TOGETHER: Final = 8


class Command(BaseCommand):
    help = "向银行发送到期的通知。没有消息队列（REDIS_URL）的系统用它：由定时任务每分钟运行一次，或加 --watch 常驻。"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="常驻，直到中断")
        parser.add_argument("--every", type=float, default=5.0, metavar="秒", help="常驻时的间隔，默认 5 秒")

    def handle(self, *args: Any, **options: Any) -> None:
        running: dict[int, Future[sending.Sent]] = {}
        with ThreadPoolExecutor(_TOGETHER) as pool:
            while True:
                for endpoint in sending.due_endpoints(timezone.now()):
                    if endpoint not in running:
                        running[endpoint] = pool.submit(_deliver, endpoint)
                if not options["watch"]:
                    wait(running.values())
                    if not running:
                        self.stdout.write("没有到期的通知。")
                self._tell(running)
                if not options["watch"]:
                    return
                time.sleep(options["every"])

    def _tell(self, running: dict[int, Future[sending.Sent]]) -> None:
        """What came of the turns that are over; they are taken off."""
        for endpoint in [endpoint for endpoint, turn in running.items() if turn.done()]:
            try:
                sent = running.pop(endpoint).result()
            except Exception:  # one endpoint's trouble is no other's
                logger.exception("endpoint %s", endpoint)
            else:
                self.stdout.write(
                    f"通知地址 #{endpoint}：送达 {sent.delivered} 件，未送达 {sent.failed} 件。"
                )


def _deliver(endpoint_id: int) -> sending.Sent:
    """In a thread of its own, hence with a database connection of its own."""
    try:
        return sending.deliver(endpoint_id)
    finally:
        connection.close()
