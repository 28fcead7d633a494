"""Make Chinese pages searchable: put invisible spaces between the words of the search index.

The search takes text apart at spaces, which Chinese does not have. The project's own words stay
whole, every other character is a word; the browser takes the question apart by the words that it
finds in the index. Loaded by mkdocs as a hook.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

BREAK = "\u200b"
WORDS = (
    "节点 链路 分类账 资源 条件 数量 任务 服务 代码包 过滤器 引脚 连接 流水线 项目 租户 设备 站点"
    " 发布 推送 测试台 令牌 注册 证书 控制台 摄像头 微控制器 命令 参数 备份 恢复 部署 模型 网格"
    " 身份 信任 表达式 安装 开始 机器 代理 浏览器 端口 诊断 错误 示例 配置 文件 标签 名字"
)
_HAN = re.compile(r"[\u3400-\u9fff]+")
_WORD = re.compile("|".join(sorted(WORDS.split(), key=len, reverse=True)) + r"|.", re.DOTALL)


def apart(text: str) -> str:
    """The text with an invisible space between its Chinese words."""
    return _HAN.sub(lambda run: BREAK + BREAK.join(_WORD.findall(run[0])) + BREAK, text)


def on_post_build(config: Mapping[str, Any], **_others: object) -> None:
    """Rewrite the index that the search plugin has written."""
    path = Path(str(config["site_dir"])) / "search" / "search_index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    for entry in index["docs"]:
        entry["title"], entry["text"] = apart(entry["title"]), apart(entry["text"])
    path.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
