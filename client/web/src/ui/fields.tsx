// Form fields: a label, a control, a hint.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  hint?: string | undefined;
}

function Field({ id, label, hint, children }: FieldProps & { id: string; children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint && (
        <small id={`${id}-hint`} class="hint">
          {hint}
        </small>
      )}
    </div>
  );
}

export function TextField(props: FieldProps & { value: string; placeholder?: string; rows: number; onChange(value: string): void }) {
  const id = useId();
  return (
    <Field id={id} label={props.label} hint={props.hint}>
      <textarea
        id={id}
        rows={props.rows}
        value={props.value}
        placeholder={props.placeholder ?? ""}
        maxLength={8192}
        onInput={(event) => props.onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

// Undefined: left to the model.
export function NumberField(
  props: FieldProps & {
    value: number | undefined;
    fallback?: string;
    min: number;
    max: number;
    step?: number | "any";
    required?: boolean;
    onChange(value: number | undefined): void;
  },
) {
  const id = useId();
  return (
    <Field id={id} label={props.label} hint={props.hint}>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={props.min}
        max={props.max}
        step={props.step ?? 1}
        required={props.required ?? false}
        value={props.value ?? ""}
        placeholder={props.fallback ?? ""}
        onInput={({ currentTarget }) => props.onChange(currentTarget.value === "" ? undefined : currentTarget.valueAsNumber)}
      />
    </Field>
  );
}

// A number of up to 19 digits: too long for what the browser calls a number.
export function DigitsField(props: FieldProps & { value: string; placeholder: string; onChange(value: string): void }) {
  const id = useId();
  return (
    <Field id={id} label={props.label} hint={props.hint}>
      <input
        id={id}
        type="text"
        inputMode="numeric"
        pattern="[0-9]{0,19}"
        title="digits only"
        autocomplete="off"
        value={props.value}
        placeholder={props.placeholder}
        onInput={({ currentTarget }) => props.onChange(currentTarget.value)}
      />
    </Field>
  );
}

export function SelectField(
  props: FieldProps & { value: string; options: { value: string; label: string }[]; onChange(value: string): void },
) {
  const id = useId();
  return (
    <Field id={id} label={props.label} hint={props.hint}>
      <select id={id} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        {props.options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </Field>
  );
}

export function Slider(
  props: FieldProps & { value: number; min: number; max: number; step: number; onChange(value: number): void },
) {
  const id = useId();
  return (
    <div class="field slider">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="range"
        min={props.min}
        max={props.max}
        step={props.step}
        value={props.value}
        onInput={(event) => props.onChange(event.currentTarget.valueAsNumber)}
      />
      <output for={id}>{props.value}</output>
    </div>
  );
}
