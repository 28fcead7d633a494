import { Kbd, Modal, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import {
  IconDeviceCctv,
  IconLanguage,
  IconLayoutDashboard,
  IconListCheck,
  IconPlus,
  IconRocket,
  IconPackages,
  IconSchema,
  IconSearch,
  IconServer2,
  IconSettings,
  IconStack2,
  IconSunMoon,
  IconTopologyStar3,
} from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useDeployments, useTemplates } from "../api/deployments";
import { useNodeSearch } from "../api/queries";
import { RunMark, StateMark } from "../components/State";
import { chooseLanguage, LANGUAGES } from "../i18n";
import { matches } from "../pages/pipelines/derive";
import { useSchemeToggle } from "./Switches";

const DEPLOYMENTS_SHOWN = 6;

interface Option {
  id: string;
  text: string;
  icon: ReactNode;
  extra?: ReactNode;
  run: () => void;
}

function useOptions(words: string): Option[] {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const scheme = useSchemeToggle();
  const [asked] = useDebouncedValue(words.trim(), 150);
  const found = useNodeSearch(asked, true);
  const templates = useTemplates();
  const deployments = useDeployments();
  const other = LANGUAGES.find(({ code }) => code !== i18n.language) ?? LANGUAGES[0];
  const fixed: Option[] = [
    { id: "overview", text: t("nav.overview"), icon: <IconLayoutDashboard size={17} />, run: () => navigate("/") },
    { id: "devices", text: t("nav.devices"), icon: <IconServer2 size={17} />, run: () => navigate("/devices") },
    { id: "mesh", text: t("nav.mesh"), icon: <IconTopologyStar3 size={17} />, run: () => navigate("/mesh") },
    { id: "resources", text: t("nav.resources"), icon: <IconStack2 size={17} />, run: () => navigate("/resources") },
    { id: "services", text: t("nav.services"), icon: <IconPackages size={17} />, run: () => navigate("/services") },
    { id: "tasks", text: t("nav.tasks"), icon: <IconListCheck size={17} />, run: () => navigate("/tasks") },
    { id: "pipelines", text: t("nav.pipelines"), icon: <IconSchema size={17} />, run: () => navigate("/pipelines") },
    { id: "live", text: t("nav.live"), icon: <IconDeviceCctv size={17} />, run: () => navigate("/live") },
    { id: "settings", text: t("nav.settings"), icon: <IconSettings size={17} />, run: () => navigate("/settings") },
    { id: "add", text: t("devices.add"), icon: <IconPlus size={17} />, run: () => navigate("/devices?add=1") },
    { id: "scheme", text: scheme.label, icon: <IconSunMoon size={17} />, run: scheme.toggle },
    {
      id: "language",
      text: `${t("preferences.language")}: ${other.name}`,
      icon: <IconLanguage size={17} />,
      run: () => void chooseLanguage(other.code),
    },
  ];
  const wanted = words.trim().toLowerCase();
  const ready = (templates.data?.items ?? []).map((template) => ({
    id: `template-${template.id}`,
    text: t("pipelines.deployOne", { name: template.name }),
    icon: <IconRocket size={17} />,
    run: () => navigate(`/pipelines?template=${encodeURIComponent(template.id)}`),
  }));
  const running = wanted.length > 1 ? (deployments.data?.items ?? []).filter((one) => matches(one, wanted, "")) : [];
  const nodes = wanted.length > 1 ? (found.data?.items ?? []) : [];
  const named = (option: Option) => option.text.toLowerCase().includes(wanted);
  const things = [
    ...running.slice(0, DEPLOYMENTS_SHOWN).map((deployment) => ({
      id: `deployment-${deployment.id}`,
      text: deployment.name,
      icon: <IconSchema size={17} />,
      extra: <RunMark state={deployment.state} />,
      run: () => navigate(`/pipelines/${encodeURIComponent(deployment.id)}`),
    })),
    ...nodes.map((node) => ({
      id: `node-${node.id}`,
      text: node.name,
      icon: <IconServer2 size={17} />,
      extra: <StateMark state={node.state} />,
      run: () => navigate(`/devices?node=${encodeURIComponent(node.id)}`),
    })),
  ];
  // What is called so comes before what only has to do with it: a deployment that runs on the node.
  return [...[...fixed, ...ready].filter(named), ...things.filter(named), ...things.filter((one) => !named(one))];
}

/** Ctrl-K: jump to a page, an action or a node with the keyboard alone. */
export default function Palette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const [active, setActive] = useState(0);
  const options = useOptions(words);
  const index = Math.min(active, Math.max(0, options.length - 1));
  const chosen = options[index];
  useEffect(() => {
    if (chosen) document.getElementById(`palette-${chosen.id}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const close = () => {
    setWords("");
    setActive(0);
    onClose();
  };
  const run = (option: Option) => {
    close();
    option.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && options.length > 0) {
      event.preventDefault();
      setActive((index + step + options.length) % options.length);
    } else if (event.key === "Enter" && chosen && !event.nativeEvent.isComposing) {
      event.preventDefault();
      run(chosen);
    }
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      withCloseButton={false}
      centered={false}
      yOffset="12vh"
      size={560}
      padding={10}
      attributes={{ content: { "aria-label": t("palette.title") } }}
    >
      <TextInput
        data-autofocus
        role="combobox"
        aria-label={t("palette.title")}
        aria-expanded
        aria-controls="palette-options"
        aria-activedescendant={chosen ? `palette-${chosen.id}` : undefined}
        aria-autocomplete="list"
        placeholder={t("palette.placeholder")}
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={<Kbd size="xs">Esc</Kbd>}
        rightSectionWidth={48}
        value={words}
        onChange={(event) => {
          setWords(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div role="listbox" id="palette-options" aria-label={t("palette.title")} className="options">
        {options.map((option, at) => (
          <div
            key={option.id}
            id={`palette-${option.id}`}
            role="option"
            className="option"
            aria-selected={at === index}
            onMouseMove={() => setActive(at)}
            onClick={() => run(option)}
          >
            {option.icon}
            <span className="option-text">{option.text}</span>
            {option.extra}
          </div>
        ))}
      </div>
      {options.length === 0 && (
        <Text c="dimmed" size="sm" ta="center" py="lg" style={{ overflowWrap: "anywhere" }}>
          {t("palette.empty", { words })}
        </Text>
      )}
    </Modal>
  );
}
