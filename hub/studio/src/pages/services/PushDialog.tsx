import { Alert, Button, FileButton, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorNotice } from "../../components/Notices";
import { tell } from "../../components/tell";
import { heard } from "../../i18n/heard";
import { useNeeds } from "../resources/data";
import { usePush } from "./data";
import { pathOf } from "./format";
import { SERVICE_WORDS } from "./texts";
import type { Service } from "./types";

const ARCHIVES = ".zip,.tar,.tgz,.tar.gz,.tar.bz2,.tar.xz";
const SHARES = ["10%", "50%"];
const ASK_AFTER_MS = 400;

/** A folder has no place among the usual properties of an input. */
const FOLDER = { webkitdirectory: "" } as Record<string, string>;

function Files({ files, onChange }: { files: File[]; onChange: (files: File[]) => void }) {
  const { t } = useTranslation(SERVICE_WORDS);
  const [main] = [...files].sort((a, b) => Number(pathOf(b).endsWith("main.py")) - Number(pathOf(a).endsWith("main.py")));
  return (
    <div role="group" aria-label={t("files")}>
      <Text size="sm" fw={500}>
        {t("files")}
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {t("filesHelp")}
      </Text>
      <Group gap="xs">
        <FileButton accept={ARCHIVES} onChange={(file) => onChange(file ? [file] : [])}>
          {(props) => (
            <Button {...props} size="xs" variant="default">
              {t("archive")}
            </Button>
          )}
        </FileButton>
        <FileButton multiple onChange={onChange}>
          {(props) => (
            <Button {...props} size="xs" variant="default">
              {t("chosen")}
            </Button>
          )}
        </FileButton>
        <FileButton multiple inputProps={FOLDER} onChange={onChange}>
          {(props) => (
            <Button {...props} size="xs" variant="default">
              {t("folder")}
            </Button>
          )}
        </FileButton>
        <Text size="sm" role="status">
          {main && t("count", { count: files.length, first: pathOf(main) })}
        </Text>
      </Group>
    </div>
  );
}

/** Who satisfies it, while it is written. */
function Needs({ value, onChange }: { value: string; onChange: (needs: string) => void }) {
  const { t } = useTranslation(SERVICE_WORDS);
  const [asked] = useDebouncedValue(value.trim(), ASK_AFTER_MS);
  const { data } = useNeeds(asked, "");
  const answer = asked ? data : undefined;
  const mistake = answer?.mistake;
  const count = answer?.nodes.filter((node) => node.fits).length ?? 0;
  return (
    <div>
      <TextInput
        label={t("needs")}
        description={t("needsHelp")}
        placeholder='USBCamera == 1 and label.site == "berlin"'
        value={value}
        maxLength={1024}
        autoComplete="off"
        spellCheck={false}
        error={mistake ? `${t("mistake", { column: mistake.column, what: heard(mistake.what) })} ${heard(mistake.advice)}` : null}
        onChange={(event) => onChange(event.currentTarget.value)}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
      />
      <Text size="xs" c="dimmed" mt={4} role="status">
        {answer && !mistake && t("satisfied", { count, total: answer.nodes.length })}
        {answer?.never && !mistake && ` — ${heard(answer.never)}`}
      </Text>
    </div>
  );
}

interface DialogProps {
  name: string;
  /** The service that gets a new revision; undefined: a new one. */
  service: Service | undefined;
  onClose: () => void;
}

export function PushDialog({ name: known, service, onClose }: DialogProps) {
  const { t } = useTranslation([SERVICE_WORDS, "translation"]);
  const push = usePush();
  const [files, setFiles] = useState<File[]>([]);
  const [name, setName] = useState(known);
  const [needs, setNeeds] = useState(service?.revision.needs ?? "");
  const [note, setNote] = useState("");
  const [canary, setCanary] = useState("");
  const [lacks, setLacks] = useState(false);
  const shares = [
    { value: "", label: t("firstNone") },
    { value: "1", label: t("firstOne") },
    ...SHARES.map((share) => ({ value: share, label: t("firstShare", { share }) })),
  ];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setLacks(files.length === 0);
    if (files.length === 0) return;
    push.mutate(
      { wish: { name: name.trim(), needs: needs.trim(), note: note.trim(), canary }, files },
      {
        onSuccess: (made) => {
          tell({ color: "green", message: t("pushed", { ...made }) });
          if (made.never) tell({ color: "yellow", message: t("never", { why: heard(made.never) }), autoClose: false });
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} size={560} title={t(service ? "pushAgain" : "push")} closeButtonProps={{ "aria-label": t("translation:action.close") }}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Files files={files} onChange={setFiles} />
          {lacks && files.length === 0 && (
            <Alert role="alert" variant="outline" color="red" styles={{ message: { color: "var(--mantine-color-error)" } }}>
              {t("noFiles")}
            </Alert>
          )}
          <TextInput label={t("name")} description={t("nameHelp")} value={name} maxLength={48} readOnly={service !== undefined} onChange={(event) => setName(event.currentTarget.value)} />
          <Needs value={needs} onChange={setNeeds} />
          <Group grow align="flex-start">
            <TextInput label={t("note")} value={note} maxLength={300} onChange={(event) => setNote(event.currentTarget.value)} />
            <Select label={t("first")} data={shares} value={canary} allowDeselect={false} onChange={(value) => setCanary(value ?? "")} />
          </Group>
          {push.isError && <ErrorNotice error={push.error} title={t("translation:error.action")} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("translation:action.cancel")}
            </Button>
            <Button type="submit" loading={push.isPending}>
              {t("submit")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
