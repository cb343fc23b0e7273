// What the desk says. French.

export const PRESENCE = {
  out: "Hors ligne",
  idle: "Disponible",
  offered: "Ça sonne",
  talking: "En appel",
  wrap_up: "Fin de dossier",
  paused: "En pause",
};
export const PAUSED_BECAUSE = {
  arrival: "Pas encore disponible",
  missed: "En pause : appel sans réponse",
  unreachable: "En pause : casque ou téléphone injoignable",
};
export const TITLE = {
  out: "Vous n'êtes pas disponible",
  idle: "En attente d'un appel",
  paused: "Vous n'êtes pas disponible",
};
export const CALL = {
  connecting: "Mise en relation…",
  talking: "En ligne",
  held: "Appelant en garde",
  handing_over: "Un collègue de niveau 2 est appelé",
  over: "Appel terminé",
};
export const CONSULT = {
  ringing: "Ça sonne chez un collègue…",
  accepted: "Un collègue prend l'appel.",
  declined: "Refusé : l'appel reste avec vous.",
  no_answer: "Pas de réponse : l'appel reste avec vous.",
  nobody: "Personne n'est libre au niveau 2.",
};
export const SKILL = { billing: "facturation", technical: "technique", retention: "fidélité", general: "général" };
export const MOOD = { calm: "calme", tense: "tendu", upset: "mécontent" };
export const ANSWER = { proposed: "proposée", accepted: "acceptée", refused: "refusée" };
export const WHO = { caller: "Appelant", bot: "Assistant", fact: "Fait" };
export const HEADSET = {
  off: "Casque non branché",
  asking: "Autorisez le micro…",
  refused: "Micro refusé : autorisez-le dans le navigateur",
  up: "Casque branché",
  lost: "Casque perdu, nouvelle tentative…",
  elsewhere: "Casque ouvert dans un autre onglet",
};
export const NO_HEADSET = {
  refused: "Sans micro, aucun appel ne peut vous parvenir. Autorisez-le dans le navigateur, puis réessayez.",
  lost: "Le casque n'a pas pu être branché. Réessayez dans un instant.",
};
export const BYE = {
  expired: "Votre session a expiré.",
  disabled: "Ce compte a été désactivé.",
};
export const LOST = "Liaison perdue, nouvelle tentative…";
export const PROBLEM = {
  offline: "Le serveur ne répond pas. Réessayez.",
  401: "Identifiant ou mot de passe incorrect.",
  429: "Trop d'essais. Patientez avant de réessayer.",
};

/** Seconds as m:ss. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** An ISO date and time as a person says it. */
export function moment(iso) {
  return new Date(iso).toLocaleString("fr-FR", { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
}

/** Seconds since 1970 as an hour of the day. */
export function hour(seconds) {
  return new Date(1000 * seconds).toLocaleTimeString("fr-FR", { hour: "2-digit", minute: "2-digit" });
}
