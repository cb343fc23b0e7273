// The context packet on the screen: the story first, then what stands behind it.

import { make } from "./dom.js";
import { ANSWER, MOOD, moment } from "./texts.js";

/** The elements of a packet. `unmask(field)`: asked to show a field in full. */
export function packetView(packet, unmask) {
  return [
    make("p", { class: "summary" }, packet.summary),
    facts(packet),
    identity(packet, unmask),
    list("Ce qui a été fait", packet.tried, attempt),
    list("Offres", packet.offers, (offer) => [
      make("strong", {}, offer.offer), ` ${offer.terms} — `, make("em", {}, ANSWER[offer.answer] ?? offer.answer),
    ]),
    list("Demandes", packet.intents?.filter(hasLabel), (intent) => [intent.label, make("small", {}, ` ${Math.round(100 * intent.confidence)} %`)]),
    list("Sites appelés", packet.routing, (rung) => [`${rung.site} : `, rung.result_label ?? rung.result]),
    packet.callback ? make("p", { class: "note" }, callback(packet.callback)) : null,
  ].filter(Boolean);
}

/** An intent without a French label is a word of the dialogue ("yes", "inform_number"), nothing that was asked for. */
function hasLabel({ intent, label }) {
  return label !== intent;
}

function facts(packet) {
  const upset = packet.sentiment?.mood ?? "calm";
  return make(
    "ul",
    { class: "chips" },
    packet.handoff ? make("li", {}, packet.handoff.reason_label) : null,
    packet.handoff ? make("li", {}, packet.handoff.skill_label) : null,
    make("li", { class: packet.identity?.verified ? "good" : "warn" }, packet.identity?.verified ? "identité vérifiée" : "identité non vérifiée"),
    upset === "calm" ? null : make("li", { class: "warn" }, `ton : ${MOOD[upset] ?? upset}`),
    packet.recording_refused ? make("li", { class: "warn" }, "refuse l'enregistrement") : null,
  );
}

function identity(packet, unmask) {
  const rows = [];
  const { subscriber, contract } = packet.identity ?? {};
  if (subscriber?.name) rows.push(["Abonné", subscriber.name]);
  if (subscriber?.number) rows.push(["Numéro d'abonné", subscriber.number]);
  if (contract?.plan) rows.push(["Formule", contract.plan]);
  if (contract?.ends) rows.push(["Fin d'engagement", contract.ends]);
  const number = packet.caller?.number_masked;
  return make(
    "dl",
    {},
    rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
    number
      ? [
          make("dt", {}, "Téléphone"),
          make("dd", {}, make("span", { "data-field": "caller.number" }, number), " ",
            make("button", { type: "button", class: "small", click: () => unmask("caller.number") }, "Afficher")),
        ]
      : [],
  );
}

function attempt(one) {
  return [
    make("span", { class: one.ok ? "good" : "warn" }, one.ok ? "✓ " : "✗ "),
    one.result || one.action,
    one.reference ? make("code", {}, ` ${one.reference}`) : "",
  ];
}

function list(title, items, line) {
  if (!items?.length) return null;
  return make("section", {}, make("h3", {}, title), make("ul", {}, items.map((item) => make("li", {}, line(item)))));
}

function callback({ due_at: due }) {
  return due ? `Rappel promis ${moment(due)}` : "Rappel promis dès que possible";
}
