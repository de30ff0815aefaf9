"""A period from import to publication and beyond, by people in their roles, through the pages alone.

One story, because each chapter stands on what the chapters before it did. Time passes once: the
dates of the notice are set back in the database, since nobody can wait for five working days.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from ratings import verifier
from ratings.models import AuditEvent, RatingPeriod
from ratings.services import roles, signing
from tests.e2e import city
from tests.e2e.people import Official, Visitor, staff
from tests.e2e.stage import Stage
from tests.ratings.services.uploads import PDF, picture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PENALTIES = """定点编码,文书号,违法违规类型,情节,处理性质,作出机关,发生日期,决定日期,涉及基金（元）
{code},绍医保罚〔2025〕88号,伪造变造处方或无处方,严重,行政处罚,绍兴市医疗保障局,2025-11-01,2025-12-01,"1,000.50"
"""


@pytest.fixture
def stage(
    transactional_db: None,
    live_server: LiveServer,
    browser: Browser,
    settings: LazySettings,
    tmp_path: Path,
) -> Iterator[Stage]:
    settings.MEDIA_ROOT = tmp_path / "private"
    cache.clear()
    roles.ensure_roles()
    shops = city.build()
    officials = {}
    for name, role in (
        ("jingban", roles.CLERK),
        ("shenhe", roles.REVIEWER),
        ("shenpi", roles.APPROVER),
        ("jijian", roles.INSPECTOR),
    ):
        staff(name, role)
        officials[name] = Official(browser, live_server.url, name)
    found = Stage(
        shops, *officials.values(), *(Visitor(browser, live_server.url) for _ in range(3)), tmp_path
    )
    yield found
    for person in found.people:
        person.close()


def test_from_import_to_publication_and_after(stage: Stage) -> None:
    import_penalties(stage)
    rate(stage)
    begin_review(stage)
    propose_adjustments(stage)
    refuse_notice_while_work_is_open(stage)
    decide_adjustments(stage)
    confirm_everything(stage)
    give_notice(stage)
    hear_the_pharmacy_by_its_link(stage)
    take_in_another_objection(stage)
    decide_objections(stage)
    finalise(stage)
    publish(stage)
    verify_the_publication(stage)
    degrade_a_fraud_at_once(stage)
    repair_credit(stage)
    inspect(stage)
    call_command("verify_audit")
    call_command("verify_publication")
    assert "\n".join(fault for person in stage.people for fault in person.wrong) == ""


def import_penalties(stage: Stage) -> None:
    clerk = stage.clerk
    clerk.look("工作台-经办")
    clerk.link("导入文件")
    clerk.choose("数据种类", "违法违规")
    lines = PENALTIES.format(code=stage.shops["城东大药房"].code)
    clerk.page.locator("#file").set_input_files(stage.file("处罚.csv", lines.encode()))
    clerk.press("上传")
    clerk.press("试算")
    clerk.sees("这是试算，尚未写入任何数据。")
    clerk.press("确认入库")
    clerk.sees("已入库：新增 1 条，更新 0 条。")


def rate(stage: Stage) -> None:
    clerk = stage.clerk
    clerk.go("/admin/")
    clerk.link("开始评价")
    clerk.page.get_by_label("评价周期").select_option("2025H2")
    clerk.page.get_by_label("此刻").check()
    clerk.press("试算（不保存）")
    clerk.press("按此开始评价")
    clerk.sees("各区县等级分布")
    expect(clerk.page.get_by_role("link", name="建立评价周期")).to_have_count(0)


def begin_review(stage: Stage) -> None:
    reviewer = stage.reviewer
    reviewer.menu("评价批次")
    reviewer.open_row("2025年下半年")
    reviewer.link("建立评价周期")
    reviewer.look("建立评价周期")
    reviewer.press("建立")
    reviewer.sees("已建立，可以开始审核。")
    reviewer.begin("开始审核")
    reviewer.look("开始审核")
    reviewer.press("开始审核")
    reviewer.sees("已办理：开始审核。")
    reviewer.look("评价周期-审核中")


def propose_adjustments(stage: Stage) -> None:
    reviewer = stage.reviewer
    reviewer.menu("审核事项")
    reviewer.look("审核事项")
    expect(reviewer.row("城东大药房")).to_contain_text("等级变动")
    reviewer.open_row("城东大药房")
    reviewer.sees("上次发布", "绍医保罚〔2025〕88号", "本期说明")
    reviewer.look("审核-城东")
    reviewer.begin("确认")
    reviewer.fill("审核意见", "处罚决定书已核对。")
    reviewer.press("确认")
    reviewer.sees("已确认：", "处罚决定书已核对。")
    for name in ("城西大药房", "城北大药房"):
        reviewer.menu("审核事项")
        reviewer.open_row(name)
        reviewer.link("提出等级调整……")
        reviewer.choose("事由与调整后的等级", "主动报告并及时纠正：调整为 A")
        reviewer.fill("理由", "检查前已主动报告并退回基金。")
        fake = stage.file("报告.pdf", b"MZ this is no PDF")
        reviewer.attach("证据材料", fake)
        reviewer.press("提出")
        reviewer.sees("不是 PDF、JPEG 或 PNG")
        expect(reviewer.page.get_by_label("理由", exact=False).last).to_have_value(
            "检查前已主动报告并退回基金。"
        )
        reviewer.attach("证据材料", stage.file("主动报告.pdf", PDF))
        reviewer.press("提出")
        reviewer.sees("已提出，等待另一人审批。")
    reviewer.sees("由审批员办理")
    reviewer.look("等级调整-提出人")


def refuse_notice_while_work_is_open(stage: Stage) -> None:
    approver = stage.approver
    approver.menu("评价周期")
    approver.open_row("审核中")
    approver.sees("暂不能开始公示：", "件审核事项未确认", "尚未批量确认", "有 2 件等级调整待审批")
    expect(approver.page.get_by_role("link", name="开始公示……")).to_have_count(0)
    approver.look("评价周期-暂不能公示")


def decide_adjustments(stage: Stage) -> None:
    approver = stage.approver
    approver.go("/admin/")
    approver.sees("等级调整待审批")
    approver.look("工作台-审批")
    approver.link("等级调整待审批")
    approver.open_row("城西大药房")
    with approver.page.expect_download() as download:
        approver.link("主动报告.pdf")
    assert download.value.path().read_bytes() == PDF
    approver.begin("批准")
    approver.fill("审批意见", "情况属实。")
    approver.press("批准")
    approver.sees("已批准。")
    approver.look("等级调整-已批准")
    approver.menu("等级调整")
    approver.open_row("城北大药房")
    approver.begin("不予批准")
    approver.fill("不予批准的理由", "报告在检查之后，不属主动。")
    approver.press("不予批准")
    approver.sees("未予批准，等级不变。")


def confirm_everything(stage: Stage) -> None:
    reviewer = stage.reviewer
    reviewer.menu("评价周期")
    reviewer.open_row("审核中")
    expect(reviewer.page.get_by_role("link", name="其余全部确认").first).to_be_visible()
    while reviewer.page.get_by_role("link", name="其余全部确认").count():
        reviewer.link("其余全部确认")
        reviewer.press("其余全部确认")
        reviewer.sees("已全部确认。")
    reviewer.menu("审核事项")
    reviewer.page.locator("#action-toggle").check()
    reviewer.page.locator("select[name=action]").select_option(label="确认所选")
    reviewer.page.locator("#changelist-form button[name=index], #changelist-form [type=submit]").first.click()
    reviewer.sees("已确认")
    expect(reviewer.page.get_by_text("未确认", exact=True).filter(visible=True)).to_have_count(0)


def give_notice(stage: Stage) -> None:
    visitor, approver = stage.visitor, stage.approver
    visitor.go("/notice/")
    visitor.sees("现在没有正在公示的评价结果。")
    approver.menu("评价周期")
    approver.open_row("审核中")
    approver.begin("开始公示")
    approver.look("开始公示")
    approver.press("开始公示")
    approver.sees("已办理：开始公示。")
    approver.look("评价周期-公示中")
    visitor.go("/notice/")
    visitor.look("公示")
    visitor.link("越城区")
    visitor.look("公示-越城区")
    expect(visitor.page.get_by_role("row", name="城东大药房")).to_contain_text("较差")
    expect(visitor.page.get_by_role("row", name="城西大药房")).to_contain_text("优秀")
    expect(visitor.page.get_by_role("row", name="城北大药房")).to_contain_text("良好")


def hear_the_pharmacy_by_its_link(stage: Stage) -> None:
    clerk, pharmacist, stranger = stage.clerk, stage.pharmacist, stage.stranger
    clerk.menu("评价结果")
    clerk.open_row("城东大药房")
    clerk.look("评价结果-城东")
    clerk.link("签发告知链接……")
    clerk.press("签发")
    clerk.sees("链接只显示这一次")
    clerk.look("告知链接")
    address = clerk.page.get_by_label("告知链接").input_value()

    pharmacist.go(address)
    pharmacist.sees("演示环境")
    pharmacist.look("告知-落地页")
    pharmacist.press("打开评价结果")
    pharmacist.sees("绍医保罚〔2025〕88号", "您的权利")
    pharmacist.look("告知-结果")
    pharmacist.page.get_by_label("事实有误").check()
    pharmacist.page.get_by_role("checkbox").first.check()
    pharmacist.fill("异议内容", "处罚决定已被撤销，附撤销决定书。")
    pharmacist.fill("联系人和电话", "王店长 13800000000")
    pharmacist.attach("证明材料", stage.file("撤销决定.png", picture()))
    pharmacist.press("提交异议")
    pharmacist.sees("：办理中", "撤销决定.png")
    pharmacist.look("告知-已提异议")

    stranger.go(address)
    stranger.sees("此链接已经打开过")
    stranger.look("告知-已打开过")


def take_in_another_objection(stage: Stage) -> None:
    clerk = stage.clerk
    clerk.menu("异议")
    clerk.link("受理异议")
    clerk.search("药店", "城南", stage.shops["城南大药房"].code)
    clerk.page.get_by_label("评价周期").select_option(index=1)
    clerk.press("下一步")
    clerk.choose("理由类别", "事实有误")
    clerk.fill("异议内容", "认为处罚过重。")
    clerk.page.get_by_role("checkbox").first.check()
    clerk.look("受理异议")
    clerk.press("受理")
    clerk.sees("已受理，须在")
    clerk.look("异议-经办")


def decide_objections(stage: Stage) -> None:
    reviewer, approver, visitor = stage.reviewer, stage.approver, stage.visitor
    for name, outcome, words in (
        ("城东大药房", "成立：", "处罚决定已由复议机关撤销。"),
        ("城南大药房", "不成立", "处罚决定有效，裁量在幅度以内。"),
    ):
        reviewer.menu("异议")
        reviewer.open_row(name)
        if name == "城东大药房":
            reviewer.press("查看联系方式")
            reviewer.sees("王店长 13800000000", "本次查看已记入操作记录。")
            reviewer.look("异议-联系方式")
        reviewer.begin("提出处理意见")
        options = reviewer.page.get_by_label("处理意见").locator("option")
        expect(options.first).to_be_attached()  # a list of texts does not wait for the page
        wanted = next(text for text in options.all_inner_texts() if text.startswith(outcome))
        reviewer.choose("处理意见", wanted)
        reviewer.fill("理由", words)
        reviewer.press("提出处理意见")
        reviewer.sees("已提出处理意见，等待另一人决定。")

    approver.menu("异议")
    approver.open_row("城东大药房")
    approver.begin("认定成立")
    approver.fill("决定理由", "撤销决定书已核实。")
    approver.look("认定成立")
    approver.press("认定成立")
    approver.sees("复评后等级由 C 级变更为 A 级。")
    approver.look("异议-成立")
    approver.menu("异议")
    approver.open_row("城南大药房")
    approver.act("认定不成立", 决定理由="处罚决定有效。")
    approver.sees("已决定：处罚决定有效。")

    visitor.page.reload()
    expect(visitor.page.get_by_role("row", name="城东大药房")).to_contain_text("优秀")
    expect(visitor.page.get_by_role("row", name="城南大药房")).to_contain_text("良好")
    stage.pharmacist.page.reload()
    stage.pharmacist.sees("等级的变更", "：成立")
    stage.pharmacist.look("告知-成立")


def finalise(stage: Stage) -> None:
    reviewer = stage.reviewer
    reviewer.menu("评价周期")
    reviewer.open_row("公示中")
    reviewer.sees("暂不能审定：", "起可以审定。")
    ended = timezone.localdate() - timedelta(days=1)
    RatingPeriod.objects.filter(pk=stage.period.pk).update(
        notice_from=ended - timedelta(days=7), notice_until=ended
    )
    stage.visitor.page.reload()
    stage.visitor.sees("公示已结束")
    stage.visitor.look("公示已结束")
    reviewer.page.reload()
    reviewer.act("审定")
    reviewer.sees("已办理：审定。")
    expect(reviewer.page.get_by_role("link", name="发布……")).to_have_count(0)
    reviewer.look("评价周期-已审定")


def publish(stage: Stage) -> None:
    approver = stage.approver
    approver.menu("评价周期")
    approver.open_row("已审定")
    approver.begin("发布")
    approver.look("发布-确认")
    approver.press("发布")
    approver.sees("已办理：发布。")
    approver.look("评价周期-已发布")
    assert stage.grades("城东大药房")[-1] == ("PERIODIC", "A")
    assert stage.grades("城南大药房")[-1] == ("PERIODIC", "B")
    assert stage.grades("城西大药房")[-1] == ("PERIODIC", "A")
    assert stage.grades("城北大药房")[-1] == ("PERIODIC", "B")
    assert stage.grades(city.NEW) == [("PERIODIC", "")]


def verify_the_publication(stage: Stage) -> None:
    approver = stage.approver
    approver.menu("发布")
    approver.open_row("2025年下半年")
    approver.press("核验")
    approver.sees("核验通过。")
    approver.look("发布-核验")
    with approver.page.expect_download() as download:
        approver.link("下载发布文件")
    file = stage.files / "publication-2.txt"
    download.value.save_as(file)
    assert _verify(file) == 0
    file.write_text(file.read_text().replace("城南大药房", "城南大药店"))
    assert _verify(file) == 1


def _verify(file: Path) -> int:
    """Exit status of the stand-alone script, which knows the public key and the file only."""
    key = signing.public_key().hex()
    script = [sys.executable, "-I", verifier.__file__, key, str(file)]
    return subprocess.run(script, capture_output=True, check=False, cwd=file.parent).returncode


def degrade_a_fraud_at_once(stage: Stage) -> None:
    clerk, reviewer, approver = stage.clerk, stage.reviewer, stage.approver
    today = timezone.localdate()
    clerk.go("/admin/ratings/violation/add/")
    clerk.search("药店", "柯岩", stage.shops["柯岩大药房"].code)
    clerk.choose("违法违规类型", "套刷、空刷换取米面粮油")
    clerk.choose("情节", "严重")
    clerk.choose("处理性质", "行政处罚")
    clerk.fill("作出机关", "绍兴市医疗保障局")
    clerk.fill("文书号", "绍医保罚〔2026〕9号")
    clerk.fill("发生日期", str(today - timedelta(days=20)))
    clerk.fill("决定日期", str(today))
    clerk.press("保存")
    clerk.sees("绍医保罚〔2026〕9号")

    reviewer.menu("等级调整")
    reviewer.link("查找期间变动")
    reviewer.press("开始查找")
    reviewer.sees("已提出 1 件，等待另一人审批。")
    approver.menu("等级调整")
    approver.open_row("柯岩大药房")
    approver.sees("一票否决", "绍医保罚〔2026〕9号")
    approver.look("期间变动")
    approver.act("批准", 审批意见="骗保已经查实。")
    approver.sees("已批准。")
    assert stage.grades("柯岩大药房")[-2:] == [("PERIODIC", "A"), ("INTERIM", "D")]
    approver.menu("公布等级")
    expect(approver.row("柯岩大药房")).to_contain_text("期间变动")
    approver.open_row("柯岩大药房")
    approver.look("公布等级-柯岩")


def repair_credit(stage: Stage) -> None:
    clerk, reviewer, approver = stage.clerk, stage.reviewer, stage.approver
    clerk.menu("信用修复")
    clerk.link("登记修复申请")
    clerk.search("违法违规", "绍医保罚〔2025〕77号", "77号")
    clerk.fill("信用承诺", "今后严格执行处方审核。")
    clerk.fill("整改情况", "已退回基金、缴清罚款。")
    clerk.fill("联系人和电话", "李店长 13900000000")
    clerk.attach("整改证明材料", stage.file("缴款凭证.pdf", PDF))
    clerk.press("登记")
    clerk.sees("已登记，须在")
    clerk.look("信用修复-经办")

    reviewer.menu("信用修复")
    reviewer.open_row("安昌大药房")
    reviewer.act("受理", 受理意见="材料齐全。")
    reviewer.sees("已受理，须在")
    reviewer.begin("提出处理意见")
    reviewer.choose("处理意见", "准予修复")
    reviewer.fill("理由", "已整改并满最短期限。")
    reviewer.press("提出处理意见")
    reviewer.sees("等待另一人决定。")
    approver.menu("信用修复")
    approver.open_row("安昌大药房")
    approver.begin("准予修复")
    approver.fill("决定文书号", "绍医保信修〔2026〕1号")
    approver.fill("决定理由", "符合修复条件。")
    approver.look("准予修复")
    approver.press("准予修复")
    approver.sees("复评后等级由 B 级变更为 A 级。")
    approver.look("信用修复-准予")
    assert stage.grades("安昌大药房")[-2:] == [("PERIODIC", "B"), ("REPAIR", "A")]


def inspect(stage: Stage) -> None:
    """The inspector sees every page of the procedure, and is let do nothing."""
    inspector = stage.inspector
    inspector.go("/admin/")
    inspector.look("工作台-纪检")
    expect(inspector.page.locator("#work")).to_contain_text("没有待办事项")
    for entry in ("评价周期", "审核事项", "等级调整", "异议", "信用修复", "发布", "公布等级"):
        inspector.menu(entry)
        inspector.page.locator("#result_list a").first.click()
        expect(inspector.page.locator("a.cs-button:has-text('……')")).to_have_count(0)
    inspector.go(f"/admin/ratings/ratingperiod/{stage.period.pk}/change/")
    inspector.look("评价周期-纪检")
    assert _post(inspector, f"/admin/ratings/ratingperiod/{stage.period.pk}/act/close/") == 403
    inspector.menu("操作记录")
    inspector.look("操作记录")
    expect(inspector.row("无权操作")).to_contain_text("jijian")
    done = set(AuditEvent.objects.values_list("action", flat=True))
    assert {
        "评价", "建立评价周期", "开始审核", "确认审核事项", "提出等级调整", "批准等级调整", "不批准等级调整",
        "开始公示", "受理异议", "提出异议处理意见", "决定异议", "复评", "审定", "发布", "导出", "核验发布",
        "提出期间变动", "收到信用修复申请", "受理信用修复申请", "决定信用修复", "无权操作",
    } <= done  # fmt: skip


def _post(person: Official, address: str) -> int:
    """The status of a POST with the person's own session and token."""
    return int(
        person.page.evaluate(
            """async (address) => {
                const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
                const answer = await fetch(address, {method: "POST", headers: {"X-CSRFToken": token}});
                return answer.status;
            }""",
            address,
        )
    )
