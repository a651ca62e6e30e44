# The work of read-json. Splitting at quotes keeps it linear: the odd pieces lie outside strings, the even ones inside.
BEGIN {
  for (i = 0; i < 16; i++) digit[substr("0123456789abcdef", i + 1, 1)] = i
}
{ text = text $0 "\n" }
END {
  if (failed) exit 1
  tokenize(text)
  at = 1
  value("")
  if (at <= tokens) fail("more than one value")
}

function fail(why) {
  print "read-json: " why >"/dev/stderr"
  failed = 1
  exit 1
}

function push(token_kind, token_text) {
  kind[++tokens] = token_kind
  content[tokens] = token_text
}

function tokenize(text,    pieces, count, i, piece, string) {
  count = split(text, pieces, "\"")
  for (i = 1; i <= count; i++) {
    piece = pieces[i]
    while (match(piece, /[^ \t\r\n]/)) {
      piece = substr(piece, RSTART)
      if (match(piece, /^[{}:,]|^\[|^\]/)) push(substr(piece, 1, 1), "")
      else if (match(piece, /^[-+.0-9A-Za-z]+/)) push("literal", substr(piece, 1, RLENGTH))
      else fail("unexpected " substr(piece, 1, 1))
      piece = substr(piece, RLENGTH + 1)
    }
    if (i == count) break
    string = pieces[++i]
    while (match(string, /\\+$/) && RLENGTH % 2 == 1 && i < count) string = string "\"" pieces[++i]
    if (i == count) fail("a string without an end")
    push("string", decode(string))
  }
}

function value(path) {
  if (kind[at] == "{") object(path)
  else if (kind[at] == "[") list(path)
  else if (kind[at] == "string" || content[at] ~ /^(true|false|null|-?[0-9][-+.0-9eE]*)$/) leaf(path, content[at++])
  else fail("a value is missing")
}

function object(path,    name) {
  at++
  while (kind[at] != "}") {
    if (kind[at] != "string") fail("a name is missing")
    name = content[at++]
    if (kind[at++] != ":") fail("a colon is missing")
    gsub(/~/, "~0", name)
    gsub(/\//, "~1", name)
    value(path "/" name)
    if (kind[at] == ",") at++
    else if (kind[at] != "}") fail("an object without an end")
  }
  at++
}

function list(path,    i) {
  at++
  for (i = 0; kind[at] != "]"; i++) {
    value(path "/" i)
    if (kind[at] == ",") at++
    else if (kind[at] != "]") fail("a list without an end")
  }
  at++
}

function leaf(path, text) {
  if (pointer == "*") print escaped(path) "\t" escaped(text)
  else if (pointer == path) print text
}

function escaped(text,    pieces, count, i, out) {
  count = split(text, pieces, "")
  if (text !~ /[\\\t\n\r]/) return text
  for (i = 1; i <= count; i++) {
    if (pieces[i] == "\\") out = out "\\\\"
    else if (pieces[i] == "\t") out = out "\\t"
    else if (pieces[i] == "\n") out = out "\\n"
    else if (pieces[i] == "\r") out = out "\\r"
    else out = out pieces[i]
  }
  return out
}

function decode(string,    out, slash, letter) {
  while ((slash = index(string, "\\")) > 0) {
    out = out substr(string, 1, slash - 1)
    letter = substr(string, slash + 1, 1)
    string = substr(string, slash + 2)
    if (letter == "n") out = out "\n"
    else if (letter == "t") out = out "\t"
    else if (letter == "r") out = out "\r"
    else if (letter == "b") out = out "\b"
    else if (letter == "f") out = out "\f"
    else if (letter == "u") {
      code = hex(substr(string, 1, 4))
      string = substr(string, 5)
      if (code >= 55296 && code < 56320 && string ~ /^\\u[dD][c-fC-F]/) {
        code = 65536 + (code - 55296) * 1024 + hex(substr(string, 3, 4)) - 56320
        string = substr(string, 7)
      }
      out = out utf8(code)
    } else out = out letter
  }
  return out string
}

function hex(text,    i, sum) {
  text = tolower(text)
  for (i = 1; i <= length(text); i++) sum = sum * 16 + digit[substr(text, i, 1)]
  return sum
}

function utf8(code) {
  if (code == 0) return ""
  if (code < 128) return sprintf("%c", code)
  if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
  if (code < 65536) return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
  return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, 128 + int(code / 64) % 64, 128 + code % 64)
}
