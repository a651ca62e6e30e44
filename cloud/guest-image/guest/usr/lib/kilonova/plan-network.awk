# Turns the lines that read-json makes of network_data.json into steps for set-up-network, one a line:
# mtu MAC BYTES, dhcp MAC, dhcp6 MAC, slaac MAC, address MAC ADDRESS/PREFIX, route MAC NETWORK/PREFIX GATEWAY, dns ADDRESS,
# unsupported MAC TYPE.
BEGIN { FS = "\t" }
{ data[$1] = $2 }
END {
  for (i = 0; ("/links/" i "/id") in data; i++) {
    mac[data["/links/" i "/id"]] = tolower(data["/links/" i "/ethernet_mac_address"])
    mtu = data["/links/" i "/mtu"]
    if (mtu ~ /^[0-9]+$/) print "mtu", tolower(data["/links/" i "/ethernet_mac_address"]), mtu
  }
  for (i = 0; ("/networks/" i "/link") in data; i++) network("/networks/" i, mac[data["/networks/" i "/link"]])
  services("")
}

function network(path, mac,    type, i) {
  type = data[path "/type"]
  if (type == "ipv4_dhcp") print "dhcp", mac
  else if (type == "ipv6_dhcp" || type == "ipv6_dhcpv6-stateful") print "dhcp6", mac
  else if (type == "ipv6_slaac" || type == "ipv6_dhcpv6-stateless") print "slaac", mac
  else if (type == "ipv4" || type == "ipv6") {
    print "address", mac, data[path "/ip_address"] "/" prefix(data[path "/netmask"])
    for (i = 0; (path "/routes/" i "/network") in data; i++) route(path "/routes/" i, mac)
  } else print "unsupported", mac, type
  services(path)
}

function route(path, mac) {
  print "route", mac, data[path "/network"] "/" prefix(data[path "/netmask"]), data[path "/gateway"]
}

function services(path,    i, address) {
  for (i = 0; (path "/services/" i "/type") in data; i++) {
    address = data[path "/services/" i "/address"]
    if (data[path "/services/" i "/type"] == "dns" && !(address in known)) print "dns", address
    known[address] = 1
  }
}

# Takes 24, 255.255.255.0 and ffff:ffff:ffff:ffff:: alike.
function prefix(mask,    parts, count, i, j, bits, number) {
  if (mask ~ /^[0-9]+$/) return mask
  if (mask ~ /:/) {
    gsub(/:/, "", mask)
    for (i = 1; i <= length(mask); i++) {
      number = index("0123456789abcdef", tolower(substr(mask, i, 1))) - 1
      bits += substr("0112122312232334", number + 1, 1)
    }
    return bits + 0
  }
  count = split(mask, parts, ".")
  for (i = 1; i <= count; i++) for (number = parts[i] + 0; number > 0; number = int(number / 2)) bits += number % 2
  return bits + 0
}
