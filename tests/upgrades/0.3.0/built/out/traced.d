out/traced: header
