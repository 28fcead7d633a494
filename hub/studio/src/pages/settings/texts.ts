/** The words of the Settings page, beside it because no other page needs them. */
import i18next from "i18next";
import type { Texts } from "../../i18n/en";

const en = {
  subtitle: "Who may let boxes into this project",
  tokens: "Enrolment tokens",
  about: "A token lets a box into the mesh until it is used up, expires or is revoked. Its secret is shown once, when it is made, and kept nowhere.",
  only: "Show",
  live: "Usable",
  all: "All",
  columns: { state: "State", token: "Token", labels: "Labels", uses: "Used", approval: "Approval", expires: "Expires", made: "Made" },
  state: { live: "Usable", used: "Used up", expired: "Expired", revoked: "Revoked", stolen: "Stolen" },
  uses: "{{uses}} of {{max}}",
  automatic: "Automatic",
  manual: "By hand",
  by: "by {{name}}",
  byLocal: "by {{name}}, on the hub's machine",
  noLabels: "None",
  replaces: "replaces {{node}}",
  thefts_one: "shown {{count}} time by another key",
  thefts_other: "shown {{count}} times by other keys",
  select: "Select the token {{id}}",
  selectAll: "Select all usable tokens shown",
  revoke: "Revoke",
  revokeOne: "Revoke the token {{id}}",
  revokeTitle_one: "Revoke {{count}} token?",
  revokeTitle_other: "Revoke {{count}} tokens?",
  revokeBody: "No box can be enrolled with it any more. Nodes that it has let in stay.",
  revoked_one: "{{count}} token revoked",
  revoked_other: "{{count}} tokens revoked",
  region: "Actions for the selected tokens",
  selected_one: "{{count}} selected",
  selected_other: "{{count}} selected",
  count_one: "{{count}} token",
  count_other: "{{count}} tokens",
  emptyTitle: "No token can be used now",
  emptyBody: "Add a device: that makes a token, and shows the line to run on the box.",
  more: "Load more",
};

const zh: Texts<typeof en> = {
  subtitle: "谁可以让设备加入此项目",
  tokens: "注册令牌",
  about: "令牌可让设备加入网格，直到次数用完、过期或被吊销。其密钥只在创建时显示一次，不会保存在任何地方。",
  only: "显示",
  live: "可用",
  all: "全部",
  columns: { state: "状态", token: "令牌", labels: "标签", uses: "已用", approval: "批准", expires: "有效期", made: "创建" },
  state: { live: "可用", used: "已用完", expired: "已过期", revoked: "已吊销", stolen: "被盗用" },
  uses: "{{uses}} / {{max}}",
  automatic: "自动",
  manual: "人工",
  by: "由 {{name}} 创建",
  byLocal: "由 {{name}} 在 Edge Hub 所在机器上创建",
  noLabels: "无",
  replaces: "取代 {{node}}",
  thefts_one: "被其他密钥出示 {{count}} 次",
  thefts_other: "被其他密钥出示 {{count}} 次",
  select: "选择令牌 {{id}}",
  selectAll: "选择所显示的全部可用令牌",
  revoke: "吊销",
  revokeOne: "吊销令牌 {{id}}",
  revokeTitle_one: "吊销 {{count}} 个令牌？",
  revokeTitle_other: "吊销 {{count}} 个令牌？",
  revokeBody: "之后任何设备都不能再用它注册。已通过它加入的节点不受影响。",
  revoked_one: "已吊销 {{count}} 个令牌",
  revoked_other: "已吊销 {{count}} 个令牌",
  region: "对所选令牌的操作",
  selected_one: "已选择 {{count}} 个",
  selected_other: "已选择 {{count}} 个",
  count_one: "{{count}} 个令牌",
  count_other: "{{count}} 个令牌",
  emptyTitle: "目前没有可用的令牌",
  emptyBody: "添加设备：这会创建令牌，并显示要在设备上运行的命令。",
  more: "加载更多",
};

export const SETTINGS_WORDS = "settings";
export const settingsTexts = { en, zh };

/** Make the words known; both languages, so that a switch shows them at once. */
export function addSettingsWords(): void {
  for (const [language, texts] of Object.entries(settingsTexts)) i18next.addResourceBundle(language, SETTINGS_WORDS, texts);
}
