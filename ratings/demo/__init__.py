"""The demo city: generated, labelled as such everywhere, never built beside real pharmacies."""

#: Who recorded every fact of the demo city.
RECORDED_BY = "演示数据"
#: How its batches are named.
FILE_NAME = "演示数据（生成，非真实）"


def is_demo() -> bool:
    """Whether this database holds the demo city; pages say so in a banner. One small query."""
    from ratings.models import ImportBatch

    return ImportBatch.objects.filter(uploaded_by=RECORDED_BY).exists()
