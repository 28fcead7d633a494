/** The words of what is done to nodes, beside the Devices page because no other page needs them. */
import i18next from "i18next";
import type { Texts } from "../../i18n/en";

const en = {
  region: "Actions for the selected nodes",
  selected_one: "{{count}} selected",
  selected_other: "{{count}} selected",
  approve: "Approve",
  deny: "Deny",
  label: "Label",
  denyTitle_one: "Deny {{count}} node?",
  denyTitle_other: "Deny {{count}} nodes?",
  denyBody: "A denied node loses its place in the mesh: its links close on every node. Its key is not admitted again until somebody allows it.",
  approveTitle_one: "Approve {{count}} node?",
  approveTitle_other: "Approve {{count}} nodes?",
  approveBody: "An approved node gets a certificate when it asks next, and joins the mesh. Approve only boxes that you know.",
  allow: "Allow",
  allowTitle_one: "Allow {{count}} node again?",
  allowTitle_other: "Allow {{count}} nodes again?",
  allowBody: "The denial is taken back on every node: the certificate that the node has holds again. If it has ended meanwhile, the node needs a new token.",
  labelTitle_one: "Label {{count}} node",
  labelTitle_other: "Label {{count}} nodes",
  apply: "Apply labels",
  done_approve_one: "{{count}} node approved",
  done_approve_other: "{{count}} nodes approved",
  done_deny_one: "{{count}} node denied",
  done_deny_other: "{{count}} nodes denied",
  done_allow_one: "{{count}} node allowed again",
  done_allow_other: "{{count}} nodes allowed again",
  done_label_one: "{{count}} node labelled",
  done_label_other: "{{count}} nodes labelled",
  partly: "{{failed}} of {{total}} failed",
  logs: {
    title: "Logs",
    find: "Find text in the logs",
    level: "Level",
    levels: { debug: "All levels", info: "Info and above", warning: "Warnings, errors", error: "Errors" },
    nothing: "No such lines.",
    more: "Show the last {{count}} lines",
  },
};

const zh: Texts<typeof en> = {
  region: "对所选节点的操作",
  selected_one: "已选 {{count}} 个",
  selected_other: "已选 {{count}} 个",
  approve: "批准",
  deny: "拒绝",
  label: "打标签",
  denyTitle_one: "拒绝 {{count}} 个节点？",
  denyTitle_other: "拒绝 {{count}} 个节点？",
  denyBody: "被拒绝的节点将退出网格：它在所有节点上的链路都会关闭，在有人重新允许之前，其密钥不会再被接受。",
  approveTitle_one: "批准 {{count}} 个节点？",
  approveTitle_other: "批准 {{count}} 个节点？",
  approveBody: "获批的节点会在下次询问时得到证书并加入网格。请只批准您认识的设备。",
  allow: "允许",
  allowTitle_one: "重新允许 {{count}} 个节点？",
  allowTitle_other: "重新允许 {{count}} 个节点？",
  allowBody: "所有节点都会撤回对它的拒绝：该节点现有的证书重新有效。如果证书已到期，则需要新的令牌。",
  labelTitle_one: "为 {{count}} 个节点打标签",
  labelTitle_other: "为 {{count}} 个节点打标签",
  apply: "应用标签",
  done_approve_one: "已批准 {{count}} 个节点",
  done_approve_other: "已批准 {{count}} 个节点",
  done_deny_one: "已拒绝 {{count}} 个节点",
  done_deny_other: "已拒绝 {{count}} 个节点",
  done_allow_one: "已重新允许 {{count}} 个节点",
  done_allow_other: "已重新允许 {{count}} 个节点",
  done_label_one: "已为 {{count}} 个节点打标签",
  done_label_other: "已为 {{count}} 个节点打标签",
  partly: "{{total}} 个中有 {{failed}} 个失败",
  logs: {
    title: "日志",
    find: "在日志中查找文字",
    level: "级别",
    levels: { debug: "所有级别", info: "信息及以上", warning: "警告和错误", error: "错误" },
    nothing: "没有这样的行。",
    more: "显示最近 {{count}} 行",
  },
};

export const NODE_WORDS = "nodes";
export const nodeTexts = { en, zh };

/** Make the words known; both languages, so that a switch shows them at once. */
export function addNodeWords(): void {
  for (const [language, texts] of Object.entries(nodeTexts)) i18next.addResourceBundle(language, NODE_WORDS, texts);
}
