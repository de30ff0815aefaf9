from django.db import migrations


class Migration(migrations.Migration):
    """Brings branches together; squashed into 0001."""

    dependencies = [("enterprise_credit", "0002_assess"), ("enterprise_credit", "0002_checks")]
    operations: list = []
